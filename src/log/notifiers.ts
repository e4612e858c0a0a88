// What notifiers have on disk (core/notify.ts): rows of `meta`, which are guarded as all of them are.
//
//   notify:NAME   how far it has read, and what it still has to sum up: one row, so one is never without the other
//
// What is delivered stays in the log until it is behind those numbers (expiry.ts), unless its room is needed. A notifier that is new, or whose row
// went with a journal that was rebuilt, keeps nothing until it has said where it begins.
import { followName } from './follow-position.ts'
import type { NotifyReads, NotifySaved } from '../core/notify.ts'
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'

const ROW = 'notify:'
/** In the journal, beside the row: a page that is half full, the next commit. */
const ROOM_LEFT_BYTES = 64_000

export interface NotifierOptions {
  readonly notifiers?: readonly NotifyReads[]
}

export interface Notifiers {
  saved(name: string): NotifySaved | undefined
  /** A transaction of its own. False: there is no room now. */
  save(name: string, saved: NotifySaved): boolean
}

export interface NotifierStore {
  /** Undefined: there are none. Of a stream: all have read it up to there. */
  readonly readTo: ((stream: ReadStream) => number) | undefined
  writer(parts: NotifierParts): Notifiers
}

interface NotifierParts {
  readonly pressure: { journalRoom(): number; canWrite(): boolean }
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
}

interface ReadStream {
  readonly key: string
  readonly class: string
  readonly form: string
}

/** What notifiers left that are not in the settings any more is forgotten. */
export function openNotifiers(db: Journal, { notifiers = [] }: NotifierOptions): NotifierStore {
  const rows = db
    .prepare<[], { key: string; value: string }>(`SELECT key, value FROM meta WHERE key LIKE '${ROW}%'`)
    .all()
    .map(({ key, value }) => ({ name: key.slice(ROW.length), value }))
  const forget = db.prepare('DELETE FROM meta WHERE key = ?')
  for (const { name } of rows) if (!notifiers.some((it) => it.name === name)) forget.run(ROW + name)
  const saved = new Map(rows.map(({ name, value }) => [name, JSON.parse(value) as NotifySaved]))

  function readTo({ key, class: className, form }: ReadStream): number {
    if (form !== 'raw') return Infinity
    const own = notifiers.filter((it) => it.classes.includes(className)).flatMap((it) => saved.get(it.name) ?? [])
    return Math.min(Infinity, ...own.map((it) => it.numbers[followName(key)] ?? 0))
  }

  return {
    readTo: notifiers.length > 0 ? readTo : undefined,
    writer: ({ pressure, change }) => ({
      saved: (name) => saved.get(name),
      save(name, next) {
        const text = JSON.stringify(next)
        if (!pressure.canWrite() || text.length + ROOM_LEFT_BYTES > pressure.journalRoom()) return false
        change(() => writeMeta(db, ROW + name, text))
        saved.set(name, next)
        return true
      },
    }),
  }
}
