// A bundle as a box judges it: the updater's own look, by the real RAUC, with what an image says of bundles.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { raucSlots } from '../../src/update/rauc.ts'
import type { Slots } from '../../src/update/slots.ts'
import { COMPATIBLE } from './signing.ts'

const IMAGE = fileURLToPath(new URL('../../images/rauc/system.conf', import.meta.url))
const NO_PLAIN = 'bundle-formats=-plain\n'
const BY_SIGNING_TIME = 'use-bundle-signing-time=true\n'

export interface JudgeOptions {
  /** Images take none: the signature is over all of it, and only the kernel of a box has what it takes to install the other kind. */
  readonly takesPlain?: boolean
  /** Not as images have it: to see that it makes the difference. */
  readonly isByClock?: boolean
}

export const canSign = (): boolean => ['rauc', 'mksquashfs', 'openssl'].every((it) => spawnSync('which', [it]).status === 0)

/** Beside the keyring of that path. */
export function judge(dir: string, keyring: string, { takesPlain = false, isByClock = false }: JudgeOptions = {}): Slots {
  let text = readFileSync(IMAGE, 'utf8').replace('holdfast-@BOARD@', COMPATIBLE).replace('/etc/rauc/keyring.pem', keyring)
  if (!text.includes(NO_PLAIN) || !text.includes(BY_SIGNING_TIME)) throw new Error(`${IMAGE} says something else of bundles`)
  if (takesPlain) text = text.replace(NO_PLAIN, '')
  if (isByClock) text = text.replace(BY_SIGNING_TIME, '')
  const config = join(dir, `judge-${takesPlain}-${isByClock}.conf`)
  writeFileSync(config, text)
  return raucSlots({ program: 'rauc', config })
}
