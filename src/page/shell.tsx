// What stands around every page: the device and its health above, the menu at the side of a desk and at the foot of a phone.
import { useLocation } from 'preact-iso'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Page } from './pages.ts'
import { PAGES, pageAt } from './pages.ts'
import { AccessIssues } from './parts/access-issues.tsx'
import { Badge } from './parts/badge.tsx'
import { Icon } from './parts/icon.tsx'
import { Lazy } from './parts/lazy.tsx'
import { NetworkPendingBanner } from './parts/network-pending.tsx'
import { PendingBanner } from './parts/pending.tsx'
import { Empty } from './parts/states.tsx'
import { ProposalDialog } from './parts/proposal.tsx'
import { Toast } from './parts/toast.tsx'
import { UserMenu } from './user-menu.tsx'
import { watchNetwork } from './state/network.ts'
import { may } from './state/session.ts'
import { HEALTH_TONES, healthOf, status, statusError, watchStatus } from './state/status.ts'
import { t } from './words/index.ts'

export function Shell() {
  useEffect(watchStatus, [])
  useEffect(watchNetwork, [])
  const page = pageAt(useLocation().path)
  return (
    <div class="shell">
      <a class="skip" href="#content">
        {t('skip')}
      </a>
      <Head />
      <Side current={page} />
      <main id="content" tabIndex={-1}>
        <PendingBanner />
        <NetworkPendingBanner />
        <AccessIssues />
        <Toast />
        {page ? <Content key={page.path} page={page} /> : <Empty title={t('noSuchPage')} />}
      </main>
      <Bar current={page} />
      <ProposalDialog />
    </div>
  )
}

function Content({ page }: { readonly page: Page }) {
  useEffect(() => {
    document.title = `${t(page.title)} · Holdfast`
    window.scrollTo(0, 0)
  }, [page])
  return may(page.role) ? <Lazy load={page.load} /> : <Empty title={t('notAllowed', { role: t(`role.${page.role}`) })} />
}

function Head() {
  const health = healthOf(status.value, statusError.value)
  return (
    <header class="head">
      <a class="brand" href="/">
        <strong>{status.value?.device ?? 'Holdfast'}</strong>
        <span class="quiet site">{status.value?.site ?? ''}</span>
      </a>
      <a class="health" href="/" aria-label={`${t('health')}: ${t(`health.${health}`)}`}>
        <Badge tone={HEALTH_TONES[health]}>{t(`health.${health}`)}</Badge>
      </a>
      <UserMenu />
    </header>
  )
}

const visible = () => PAGES.filter((it) => it.isHidden !== true && may(it.role))

function Side({ current }: { readonly current: Page | undefined }) {
  return (
    <nav class="side" aria-label={t('menu')}>
      <ul>
        {visible().map((it) => (
          <li key={it.path}>
            <Entry page={it} isCurrent={it === current} />
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Entry({ page, isCurrent }: { readonly page: Page; readonly isCurrent: boolean }) {
  return (
    <a href={page.path} aria-current={isCurrent ? 'page' : undefined}>
      <Icon name={page.icon} />
      <span>{t(page.title)}</span>
    </a>
  )
}

function Bar({ current }: { readonly current: Page | undefined }) {
  const [isOpen, setOpen] = useState(false)
  const more = useRef<HTMLButtonElement>(null)
  useEffect(() => setOpen(false), [current])
  const [main, rest] = [visible().filter((it) => it.isInBar), visible().filter((it) => !it.isInBar)]
  const close = () => {
    setOpen(false)
    more.current?.focus()
  }
  return (
    <nav class="bar" aria-label={t('menu')} onKeyDown={(event) => event.key === 'Escape' && close()}>
      {isOpen && (
        <ul class="bar-more">
          {rest.map((it) => (
            <li key={it.path}>
              <Entry page={it} isCurrent={it === current} />
            </li>
          ))}
        </ul>
      )}
      <ul class="bar-main">
        {main.map((it) => (
          <li key={it.path}>
            <Entry page={it} isCurrent={it === current} />
          </li>
        ))}
        {rest.length > 0 && (
          <li>
            <button ref={more} type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              <Icon name={isOpen ? 'close' : 'more'} />
              <span>{t('more')}</span>
            </button>
          </li>
        )}
      </ul>
    </nav>
  )
}
