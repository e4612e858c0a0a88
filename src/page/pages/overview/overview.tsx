import { PageHead } from '../../parts/card.tsx'
import { t } from '../../words/index.ts'

export function Overview() {
  return <PageHead title={t('overview')} />
}
