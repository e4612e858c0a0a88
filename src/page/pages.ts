// Every page, once: its address, its name, its picture, who may, and where it is loaded from. The menu and the router are drawn from this.
import type { ComponentType } from 'preact'
import type { OperatorRole } from '../core/operator.ts'
import type { IconName } from './parts/icon.tsx'
import type { WordKey } from './words/index.ts'
import { loadMoreWords } from './words/index.ts'

export interface Page {
  readonly path: string
  readonly title: WordKey
  readonly icon: IconName
  /** The least role that sees it. */
  readonly role: OperatorRole
  readonly load: () => Promise<ComponentType>
  /** In the bar at the foot of a phone; the others stand behind "More". */
  readonly isInBar?: boolean
  /** Reached from other pages, not from the menu. */
  readonly isHidden?: boolean
}

export const PAGES: readonly Page[] = [
  {
    path: '/',
    title: 'overview',
    icon: 'overview',
    role: 'viewer',
    isInBar: true,
    load: async () => (await import('./pages/overview/overview.tsx')).Overview,
  },
  {
    path: '/sources',
    title: 'sources',
    icon: 'sources',
    role: 'viewer',
    isInBar: true,
    load: later(async () => (await import('./pages/sources/sources.tsx')).Sources),
  },
  {
    path: '/tags',
    title: 'tags',
    icon: 'tags',
    role: 'viewer',
    isInBar: true,
    load: later(async () => (await import('./pages/tags/tags.tsx')).Tags),
  },
  {
    path: '/setup',
    title: 'setup',
    icon: 'check',
    role: 'admin',
    isHidden: true,
    load: later(async () => (await import('./pages/setup/setup.tsx')).SetUp),
  },
  {
    path: '/retention',
    title: 'retention',
    icon: 'retention',
    role: 'viewer',
    load: later(async () => (await import('./pages/retention/retention.tsx')).Retention),
  },
  {
    path: '/log',
    title: 'log',
    icon: 'log',
    role: 'viewer',
    load: later(async () => (await import('./pages/log/log.tsx')).Log),
  },
  {
    path: '/uplinks',
    title: 'uplinks',
    icon: 'uplinks',
    role: 'viewer',
    load: later(async () => (await import('./pages/uplinks/uplinks.tsx')).Uplinks),
  },
  {
    path: '/network',
    title: 'network',
    icon: 'network',
    role: 'viewer',
    load: later(async () => (await import('./pages/network/network.tsx')).Network),
  },
  {
    path: '/settings',
    title: 'settings',
    icon: 'settings',
    role: 'viewer',
    load: later(async () => (await import('./pages/settings/settings.tsx')).Settings),
  },
  {
    path: '/update',
    title: 'update',
    icon: 'update',
    role: 'viewer',
    load: later(async () => (await import('./pages/update/update.tsx')).Update),
  },
  {
    path: '/fleet',
    title: 'fleet',
    icon: 'fleet',
    role: 'viewer',
    load: later(async () => (await import('./pages/fleet/fleet.tsx')).Fleet),
  },
  {
    path: '/security',
    title: 'security',
    icon: 'security',
    role: 'viewer',
    load: later(async () => (await import('./pages/security/security.tsx')).Security),
  },
  {
    path: '/diagnostics',
    title: 'diagnostics',
    icon: 'diagnostics',
    role: 'viewer',
    load: later(async () => (await import('./pages/diagnostics/diagnostics.tsx')).Diagnostics),
  },
  {
    path: '/backup',
    title: 'backup',
    icon: 'backup',
    role: 'viewer',
    load: later(async () => (await import('./pages/about/backup.tsx')).Backup),
  },
  {
    path: '/about',
    title: 'about',
    icon: 'about',
    role: 'viewer',
    load: later(async () => (await import('./pages/about/about.tsx')).About),
  },
  {
    path: '/about/manual',
    title: 'manual',
    icon: 'about',
    role: 'viewer',
    isHidden: true,
    load: later(async () => (await import('./pages/manual/manual-page.tsx')).Manual),
  },
]

/** The longest path that this one begins with: /sources/press-3 is a matter of /sources. */
export function pageAt(path: string): Page | undefined {
  const fits = (it: Page) => path === it.path || (it.path !== '/' && path.startsWith(`${it.path}/`))
  return PAGES.filter(fits).toSorted((a, b) => b.path.length - a.path.length)[0]
}

/** A page whose words come with it. */
function later(load: Page['load']): Page['load'] {
  return async () => (await Promise.all([load(), loadMoreWords()]))[0]
}
