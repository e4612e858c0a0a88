// Topic templates: MQTT topic filters in which `{name}` captures one level. Pure; also read by the settings.

const CAPTURE = /^\{([A-Za-z][A-Za-z0-9_-]*)\}$/

/** The names that a template captures, in its order. */
export function capturesOf(template: string): string[] {
  return template.split('/').flatMap((level) => CAPTURE.exec(level)?.[1] ?? [])
}

/** What is wrong with a template, for a person; undefined when nothing is. */
export function topicProblem(template: string): string | undefined {
  if (template.startsWith('$share/'))
    return 'shared subscriptions ($share/…) would leave a part of the messages to others: name the topic itself'
  const levels = template.split('/')
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
  const wanted = template.split('/')
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

/** The least filters that bring all: a broker may send a message once for each filter that it meets. */
export function leastFilters(wanted: readonly { readonly topic: string; readonly qos: 0 | 1 }[]): Map<string, 0 | 1> {
  const byFilter = new Map<string, 0 | 1>()
  for (const { topic, qos } of wanted) {
    const filter = filterOf(topic)
    byFilter.set(filter, Math.max(qos, byFilter.get(filter) ?? 0) as 0 | 1)
  }
  const least = new Map<string, 0 | 1>()
  for (const filter of byFilter.keys()) {
    const isCovered = [...byFilter.keys()].some((other) => other !== filter && covers(other, filter))
    if (isCovered) continue
    const within = [...byFilter].filter(([other]) => covers(filter, other))
    least.set(filter, Math.max(...within.map(([, qos]) => qos)) as 0 | 1)
  }
  return least
}
