// Which issues there were, from when to when. Looked at every few seconds: what comes and goes between two looks is none.
//
// An issue is its code with whose it is; its text may count on meanwhile. One that is back within a minute had not ended: a source that comes
// and goes is one line, and costs the flash no more than a steady one.
import { ISSUE_CHARS_MAX, ISSUES_KEPT_MAX } from '../core/bounds.ts'
import type { Clock } from '../core/source.ts'
import type { Issue, SeenIssue } from '../core/status.ts'

/** As it is on disk: of lines with one number the last one holds. */
export interface IssueLine extends SeenIssue {
  readonly n: number
}

export interface IssueHistory {
  look(issues: readonly Issue[]): void
  /** Those that are there now, then those that are over: the youngest first. */
  list(): readonly SeenIssue[]
  /** What has changed since it was asked last. */
  changes(): readonly IssueLine[]
  /** Everything, in the order in which it began. */
  all(): readonly IssueLine[]
  /** Times of this run are told by the clock as it is now. */
  clockStepped(): void
}

const BACK_WITHIN_MS = 60_000

/** Of this run: by the clock that never jumps. Of a run before: as it was written. */
type Moment = { readonly ms: number } | { readonly us: number }

interface Entry {
  readonly n: number
  issue: Issue
  readonly begun: Moment
  ended: Moment | null
  times: number
  isChanged: boolean
}

export function issueHistory(before: readonly IssueLine[], clock: Clock): IssueHistory {
  const known = [...new Map(before.map((it) => [it.n, it])).values()].toSorted((a, b) => a.n - b.n)
  // A box that starts again and again sees no end of them.
  const entries = known.slice(-2 * ISSUES_KEPT_MAX).map(entryOf)
  let next = (entries.at(-1)?.n ?? 0) + 1
  /** The youngest of each issue. */
  const latest = new Map(entries.map((it) => [keyOf(it.issue), it]))
  const beganAtMs = clock.monotonic()

  const timeOf = (it: Moment) => ('us' in it ? it.us : Math.round(clock.now() - (clock.monotonic() - it.ms) * 1_000))
  const lineOf = ({ n, issue, begun, ended, times }: Entry): IssueLine => ({
    n,
    ...issue,
    begun: timeOf(begun),
    ended: ended && timeOf(ended),
    times,
  })

  function seen(key: string, issue: Issue, ms: number): void {
    const known = latest.get(key)
    if (known?.ended === null) {
      known.issue = issue
      return
    }
    if (known?.ended && 'ms' in known.ended && ms - known.ended.ms < BACK_WITHIN_MS) {
      Object.assign(known, { issue, ended: null, times: known.times + 1, isChanged: true })
      return
    }
    const entry: Entry = { n: next++, issue, begun: { ms }, ended: null, times: 1, isChanged: true }
    entries.push(entry)
    latest.set(key, entry)
  }

  /** Those of the run before may come back while this one begins; where they do not, nobody saw when they ended. */
  function missed(entry: Entry, ms: number): void {
    const isOfBefore = 'us' in entry.begun
    if (isOfBefore && ms - beganAtMs < BACK_WITHIN_MS && !sinceSeen.has(entry)) return
    entry.ended = isOfBefore && !sinceSeen.has(entry) ? { ms: beganAtMs } : { ms }
    entry.isChanged = true
  }
  const sinceSeen = new WeakSet<Entry>()

  function forgetOld(): void {
    const over = entries.filter((it) => it.ended !== null)
    for (const it of over.slice(0, Math.max(0, over.length - ISSUES_KEPT_MAX))) {
      entries.splice(entries.indexOf(it), 1)
      if (latest.get(keyOf(it.issue)) === it) latest.delete(keyOf(it.issue))
    }
  }

  return {
    look(issues) {
      const ms = clock.monotonic()
      const now = new Map(issues.map((it) => [keyOf(it), bounded(it)]))
      for (const [key, issue] of now) {
        seen(key, issue, ms)
        sinceSeen.add(latest.get(key) as Entry)
      }
      for (const it of entries) if (it.ended === null && !now.has(keyOf(it.issue))) missed(it, ms)
      forgetOld()
    },
    list() {
      const lines = entries.map(lineOf).toReversed()
      const isThere = (it: IssueLine) => it.ended === null
      return [
        ...lines.filter(isThere),
        ...lines.filter((it) => !isThere(it)).toSorted((a, b) => (b.ended ?? 0) - (a.ended ?? 0)),
      ].map(withoutNumber)
    },
    changes() {
      const changed = entries.filter((it) => it.isChanged)
      for (const it of changed) it.isChanged = false
      return changed.map(lineOf)
    },
    all: () => entries.map(lineOf),
    clockStepped() {
      for (const it of entries) if ('ms' in it.begun || (it.ended && 'ms' in it.ended)) it.isChanged = true
    },
  }
}

function withoutNumber(line: IssueLine): SeenIssue {
  const { n: _n, ...it } = line
  return it
}

function entryOf({ n, begun, ended, times, ...issue }: IssueLine): Entry {
  return { n, issue, begun: { us: begun }, ended: ended === null ? null : { us: ended }, times, isChanged: false }
}

/** Without whose it is, its text says so, whatever that counts. */
const keyOf = ({ code, of, text }: Issue) => `${code} ${of ?? text.replaceAll(/\d+/g, '0')}`

const bounded = (it: Issue): Issue => ({
  ...it,
  text: it.text.slice(0, ISSUE_CHARS_MAX),
  remedy: it.remedy.slice(0, ISSUE_CHARS_MAX),
})
