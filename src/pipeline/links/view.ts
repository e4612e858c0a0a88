// `uplinks`: what would be sent now, put together from what the admission says and what the destination refuses.
import type { ClassView, UplinkView } from '../../core/links.ts'
import type { ForwardReport } from '../forward-report.ts'
import type { UplinkAdmission } from './admission.ts'

export function uplinkView(name: string, admission: UplinkAdmission, report: ForwardReport): UplinkView {
  const { classes, ...rest } = admission.view()
  const blocked = (it: ClassView): ClassView => {
    const by = report.blocked.find(({ classes: names }) => names.includes(it.name))
    return it.sent && by ? { name: it.name, sent: false, code: 'blocked', text: `${by.code}: ${by.text}` } : it
  }
  return {
    name,
    state: report.state,
    link: report.over ?? null,
    classes: classes.map(blocked),
    ...rest,
    lastError: report.lastError ?? null,
  }
}
