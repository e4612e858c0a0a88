import type { Machine } from './machine.ts'

const WELL = /HOLDFAST {2}(hf-[0-9a-f]{12}) {2}v(\S+) {2}(OK|ATTENTION)/
const ANY = /HOLDFAST {2}(hf-[0-9a-f]{12}) {2}v(\S+) {2}(OK|ATTENTION|PROBLEM)/

/** Of the menu on the serial line, which draws it anew at each key: the box's id, its version, how it is. */
export async function banner(machine: Machine, how: 'well' | 'any' = 'well'): Promise<RegExpExecArray> {
  // Before it is there, a key would stop U-Boot on its way.
  await machine.says(/HOLDFAST/)
  const asking = setInterval(() => machine.type('\r'), 5_000)
  return machine.says(how === 'well' ? WELL : ANY).finally(() => clearInterval(asking))
}
