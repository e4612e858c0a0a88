// Who may do what, who is here, what was done, and what is not protected.
import '../../more.css'
import { Badge } from '../../parts/badge.tsx'
import { Card, PageHead } from '../../parts/card.tsx'
import { wordsOf } from '../../parts/issue-text.ts'
import { Empty } from '../../parts/states.tsx'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'
import { Audit } from './audit.tsx'
import { Certificate } from './certificate.tsx'
import { OwnPassword } from './own-password.tsx'
import { ResetByCode } from './reset-by-code.tsx'
import { Sessions } from './sessions.tsx'
import { Tokens } from './tokens.tsx'
import { Users } from './users.tsx'

export function Security() {
  return (
    <>
      <PageHead title={t('security')} text={t('security.about')} />
      <div class="cards">
        <Certificate />
        <OwnPassword />
      </div>
      <Unprotected />
      {may('admin') && (
        <>
          <Users />
          <Sessions />
          <Tokens />
          <ResetByCode />
          <Audit />
        </>
      )}
    </>
  )
}

/** Links that do without, with the reason that the settings give. */
function Unprotected() {
  const open = status.value?.issues.filter((it) => it.code.endsWith('-insecure')) ?? []
  const without = status.value?.sources.filter((it) => /^(modbus|files)/.test(it.protocol)) ?? []
  return (
    <Card title={t('security.unprotected')}>
      {open.length === 0 && without.length === 0 && <Empty title={t('security.allProtected')} />}
      <ul class="lines">
        {open.map((it) => (
          <li key={it.text}>
            <Badge tone="attention">{t('security.open')}</Badge> {wordsOf(it).text}
            <p class="remedy">{wordsOf(it).remedy}</p>
          </li>
        ))}
        {without.map((it) => (
          <li key={it.name}>
            <Badge tone="info">{it.protocol}</Badge> {t('security.noProtection', { name: it.name })}
          </li>
        ))}
      </ul>
    </Card>
  )
}
