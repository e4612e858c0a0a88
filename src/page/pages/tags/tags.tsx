import { PageHead } from '../../parts/card.tsx'
import { t } from '../../words/index.ts'

export function Tags() {
  return <PageHead title={t('tags')} />
}
