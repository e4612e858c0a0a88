import { t } from '../../words/index.ts'
import type { Step } from './progress.ts'
import { goTo } from './progress.ts'

export function Turn({ back, on }: { readonly back?: Step; readonly on?: Step }) {
  return (
    <p class="actions form-end">
      {back && (
        <button type="button" onClick={() => goTo(back)}>
          {t('setup.back')}
        </button>
      )}
      {on && (
        <button type="button" class="main" onClick={() => goTo(on)}>
          {t('setup.on')}
        </button>
      )}
    </p>
  )
}
