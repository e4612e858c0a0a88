// Options that lead a command to another box.
import { readFileSync } from 'node:fs'
import { BadInput } from '../core/errors.ts'

export interface BoxPlace {
  readonly url: string
  readonly token: string
  readonly fingerprint?: string | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

type Given = Readonly<Record<string, string | true | undefined>>

/** Undefined without --box. The token stands in the environment: a command line is there for everybody to see. */
export function boxOf({ box, fingerprint, ca }: Given, env: Readonly<Record<string, string | undefined>>): BoxPlace | undefined {
  const wrong = (where: string, text: string, remedy?: string) =>
    new BadInput([{ where, text, ...(remedy !== undefined && { remedy }) }])
  if (typeof box !== 'string') {
    if (fingerprint === undefined && ca === undefined) return undefined
    throw wrong(fingerprint === undefined ? '--ca' : '--fingerprint', 'says nothing without --box')
  }
  const token = env['HOLDFAST_TOKEN']
  if (!token) throw wrong('HOLDFAST_TOKEN', 'is not set', 'an admin makes a token under Security on the page of that box')
  return {
    url: box,
    token,
    ...(typeof fingerprint === 'string' && { fingerprint }),
    ...(typeof ca === 'string' && { ca: pemIn(ca) }),
  }
}

function pemIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new BadInput([{ where: '--ca', text: `cannot be read: ${(error as Error).message}` }])
  }
}
