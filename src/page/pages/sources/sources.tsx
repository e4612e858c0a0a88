import { PageHead } from '../../parts/card.tsx'
import { t } from '../../words/index.ts'

export function Sources() {
  return <PageHead title={t('sources')} />
}
