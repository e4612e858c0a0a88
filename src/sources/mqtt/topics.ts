// Topic templates: MQTT topic filters in which `{name}` captures one level. Pure; also read by the settings.
import type { Subscribed } from '../../clients/mqtt/link.ts'

const CAPTURE = /^\{([A-Za-z][A-Za-z0-9_-]*)\}$/

/** `$share/GROUP/` and what follows: a broker gives each message to one client of the group. */
const SHARE = /^\$share\/([^/+#{}]+)\/(?=.)/

/** The group that shares a topic; undefined where it is ours alone. */
export function shareOf(template: string): string | undefined {
  return SHARE.exec(template)?.[1]
}

/** The names that a template captures, in its order. */
export function capturesOf(template: string): string[] {
  return template.split('/').flatMap((level) => CAPTURE.exec(level)?.[1] ?? [])
}

/** What is wrong with a template, for a person; undefined when nothing is. */
export function topicProblem(template: string): string | undefined {
  if (template.startsWith('$share/') && !SHARE.test(template)) return 'a shared topic is written $share/GROUP/topic'
  const levels = template.replace(SHARE, '').split('/')
  for (const [at, level] of levels.entries()) {
    if (level === '#' && at < levels.length - 1) return '# stands for all that follows, so it comes last'
    if (level === '#' || level === '+' || CAPTURE.test(level)) continue
    if (/[+#]/.test(level)) return `"${level}": + and # stand for whole levels`
    if (/[{}]/.test(level))
      return `"${level}": {name} stands for a whole level, its name begins with a letter (a-z, 0-9, _ and - may follow)`
  }
  const names = capturesOf(template)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined ? undefined : `{${twice}} stands there twice`
}

/** The filter to subscribe to: each capture as `+`. */
function filterOf(template: string): string {
  return template
    .split('/')
    .map((level) => (CAPTURE.test(level) ? '+' : level))
    .join('/')
}

/** What a topic's levels are under a template's names, or undefined when it does not match. */
export function matchTopic(template: string, topic: string): Record<string, string> | undefined {
  const wanted = template.replace(SHARE, '').split('/')
  const levels = topic.split('/')
  const captured: Record<string, string> = {}
  for (const [at, level] of wanted.entries()) {
    const name = CAPTURE.exec(level)?.[1]
    const isWild = level === '#' || level === '+' || name !== undefined
    // Wildcards never begin a topic of the broker's own ($SYS/…).
    if (at === 0 && isWild && topic.startsWith('$')) return undefined
    if (level === '#') return captured
    const found = levels[at]
    if (found === undefined || (!isWild && level !== found)) return undefined
    if (name !== undefined) captured[name] = found
  }
  return levels.length === wanted.length ? captured : undefined
}

/** Whether every topic of `inner` is one of `outer`, both filters. */
function covers(outer: string, inner: string): boolean {
  const wide = outer.split('/')
  const narrow = inner.split('/')
  for (const [at, level] of wide.entries()) {
    if (at === 0 && (level === '#' || level === '+') && inner.startsWith('$')) return false
    if (level === '#') return true
    const other = narrow[at]
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false
  }
  return narrow.length === wide.length
}

interface Wanted {
  readonly topic: string
  readonly qos: 0 | 1
  readonly retained: 'take' | 'skip'
}

/** The least filters that bring all: a broker may send a message once for each filter that it meets. */
export function leastFilters(wanted: readonly Wanted[]): Map<string, Subscribed> {
  const all = wanted.map((it) => ({ ...it, filter: filterOf(it.topic) }))
  const least = new Map<string, Subscribed>()
  for (const { filter } of all) {
    if (least.has(filter) || all.some((other) => other.filter !== filter && covers(other.filter, filter))) continue
    const within = all.filter((other) => covers(filter, other.filter))
    least.set(filter, {
      qos: within.some(({ qos }) => qos === 1) ? 1 : 0,
      isRetainedWanted: within.some(({ retained }) => retained === 'take'),
    })
  }
  return least
}
