// Questions that several items ask.
import { BadInput } from '../core/errors.ts'
import type { Session } from './parts.ts'
import type { Terminal } from './terminal.ts'

export function newPassword(terminal: Terminal): Promise<string> {
  return typedTwice(terminal, 'password')
}

/** Twice, as it is not seen. */
export async function typedTwice(terminal: Terminal, what: 'password' | 'passphrase'): Promise<string> {
  const typed = await terminal.askSecret(`New ${what} (not shown): `)
  if (typed === (await terminal.askSecret('The same again: '))) return typed
  throw new BadInput([{ where: what, text: 'the two are not the same', remedy: 'try again' }])
}

export async function yes(terminal: Terminal, question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await terminal.ask(`${question} (y/n) `))
}

/** Of what cannot be taken back: the box's name, so that it is the right box. False: something else was typed. */
export async function nameTyped({ terminal, parts }: Session, what: string): Promise<boolean> {
  const device = await deviceName(parts)
  await terminal.print([`This ${what}. Type the name of this box (${device}) to go on.`])
  if ((await terminal.ask('Name: ')) === device) return true
  await terminal.print(['That is another name: nothing was done.'])
  return false
}

export async function deviceName({ agent, box }: Session['parts']): Promise<string> {
  return agent.status().then(
    (it) => it.device,
    () => box.deviceId(),
  )
}

/** One of a list, by its number. Undefined: none of them. */
export async function choice(terminal: Terminal, names: readonly string[], question: string): Promise<string | undefined> {
  await terminal.print(names.map((it, at) => ` ${String(at + 1).padStart(2)}) ${it}`))
  const typed = await terminal.ask(`${question} (1-${names.length}, Enter: none): `)
  return /^\d{1,4}$/.test(typed) ? names[Number(typed) - 1] : undefined
}
