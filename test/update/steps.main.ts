// Loaded before the updater: says each change to its disk, when it is made, to the file that HOLDFAST_MARKS names. A line is
// `step FILE (PHASE): CALL`; which changes there are it does not know, only what changes nothing.
import { appendFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename } from 'node:path'

/** Whatever else there is, now or later, is a step. */
const QUIET = /^(access|close|constructor|fd|getAsyncId|glob|lstat|open|opendir|read.*|realpath|stat|statfs|watch)$/
const OPEN_TO_READ = new Set([undefined, 'r', 0])

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>

const marks = process.env['HOLDFAST_MARKS'] ?? '/dev/null'
const phases = new Map<string, string>()
const files = new WeakMap<object, string>()

/** `update.json.new` and the like belong to the file that they become. */
const nameOf = (path: unknown) => basename(String(path)).split('.').slice(0, 2).join('.')

function said(path: string, call: string, args: readonly unknown[]): void {
  const [, phase] = /"(?:phase|job)":"?(\w+)/.exec(typeof args[0] === 'string' ? args[0] : '') ?? []
  if (phase) phases.set(path, phase)
  const at = phases.get(path)
  appendFileSync(marks, `step ${path}${at === undefined ? '' : ` (${at})`}: ${call}\n`)
}

function heard(it: Record<string, unknown>, pathOf: (self: unknown, args: readonly unknown[]) => string | undefined): void {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(it))) {
    if (typeof value !== 'function' || QUIET.test(name)) continue
    const real = value as Call
    it[name] = async function (this: unknown, ...args: unknown[]) {
      const result = await real.apply(this, args)
      const path = pathOf(this, args)
      if (path !== undefined) said(path, name, args)
      return result
    }
  }
}

const all = promises as unknown as Record<string, unknown>
const probe = await promises.open('/dev/null')
heard(Object.getPrototypeOf(probe) as Record<string, unknown>, (self) => files.get(self as object))
await probe.close()
heard(all, (_, [path]) => nameOf(path))
const open = promises.open as unknown as Call
all['open'] = async (...args: unknown[]) => {
  const file = (await open(...args)) as object
  files.set(file, nameOf(args[0]))
  if (!OPEN_TO_READ.has(args[1] as string)) said(nameOf(args[0]), 'open', [])
  return file
}
syncBuiltinESMExports()
