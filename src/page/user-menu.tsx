import { useRef } from 'preact/hooks'
import { Icon } from './parts/icon.tsx'
import type { Language, Theme } from './state/preferences.ts'
import { LANGUAGES, language, THEMES, theme } from './state/preferences.ts'
import { logOut, user } from './state/session.ts'
import { t } from './words/index.ts'

const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' }

export function UserMenu() {
  const menu = useRef<HTMLDetailsElement>(null)
  const close = () => {
    if (menu.current) menu.current.open = false
  }
  return (
    <details
      class="user-menu"
      ref={menu}
      onKeyDown={(event) => event.key === 'Escape' && close()}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && !menu.current?.contains(event.relatedTarget)) close()
      }}
    >
      <summary aria-label={`${user.value?.name ?? ''}: ${t('userMenu')}`}>
        <Icon name="user" />
        <span class="user-name">{user.value?.name}</span>
      </summary>
      <div class="user-panel">
        <p>
          <strong>{user.value?.name}</strong> <span class="quiet">{t(`role.${user.value?.role ?? 'viewer'}`)}</span>
        </p>
        <Choices />
        <button type="button" onClick={logOut}>
          {t('logOut')}
        </button>
      </div>
    </details>
  )
}

/** Looks and language, also before somebody is signed in. */
export function Choices() {
  return (
    <div class="choices">
      <label>
        <span>{t('theme')}</span>
        <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
          {THEMES.map((it) => (
            <option key={it} value={it}>
              {t(`theme.${it}`)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t('language')}</span>
        <select value={language.value} onChange={(event) => (language.value = event.currentTarget.value as Language)}>
          {LANGUAGES.map((it) => (
            <option key={it} value={it}>
              {LANGUAGE_NAMES[it]}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
