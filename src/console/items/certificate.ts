// The certificate of the page: what is served, a new one of the box's own, one of an owner's authority from the stick, and what that is asked for.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { keyIn, pemIn } from '../../commands/certificate-replace.ts'
import type { Item, Session } from '../parts.ts'
import { choice, deviceName, yes } from '../questions.ts'
import { stickMissing, withStick } from '../stick.ts'

const CERTIFICATE = /\.(pem|crt|cer)$/i
const KEY = /\.(key|pem)$/i

export const certificate: Item = {
  number: 16,
  title: 'Certificate of the page',
  async run(session) {
    const { terminal, parts } = session
    await terminal.during((signal) => parts.run(['certificate', 'show'], terminal.out, signal))
    const missing = stickMissing(session)
    await terminal.print([
      ' n) a new key and certificate, signed by the box itself',
      ...(missing === undefined
        ? [" o) an owner's certificate, from the stick", ' r) a request for an authority, onto the stick']
        : [`an owner's is not to be had on this system: ${missing}`]),
    ])
    const what = await terminal.ask('Which (Enter: none): ')
    if (what === 'n') return renew(session)
    if (what === 'o' && missing === undefined) return withStick(session, false, (path) => replace(session, path))
    if (what === 'r' && missing === undefined) return withStick(session, true, (path) => request(session, path))
    return 'menu'
  },
}

async function renew(session: Session): Promise<void> {
  if (!(await yes(session.terminal, 'Browsers will warn of the new one until they are told. Make it?'))) return
  await change(session, ['certificate', 'renew'])
}

async function replace(session: Session, path: string): Promise<void> {
  const { terminal } = session
  const names = readdirSync(path).toSorted()
  const certificates = names.filter((it) => CERTIFICATE.test(it))
  if (certificates.length === 0) return terminal.print(['no file on it ends in .pem, .crt or .cer'])
  const name = await choice(terminal, certificates, 'Certificate of this box')
  if (name === undefined) return
  const words = ['certificate', 'replace', join(path, name)]
  const keys = names.filter((it) => KEY.test(it) && it !== name)
  const hasKey = keyIn(await pemIn(join(path, name))) !== undefined
  const key = hasKey || keys.length === 0 ? undefined : await choice(terminal, keys, 'Its key, or that of the request')
  await change(session, key === undefined ? words : [...words, '--key', join(path, key)])
}

async function request({ terminal, parts, person }: Session, path: string): Promise<void> {
  const file = join(path, `${await deviceName(parts)}.csr`)
  parts.access.audit('certificate request', person.name, {})
  await terminal.during((signal) => parts.run(['certificate', 'request', file], terminal.out, signal))
}

async function change({ terminal, parts, person }: Session, words: readonly string[]): Promise<void> {
  const status = await terminal.during((signal) => parts.run(words, terminal.out, signal))
  const outcome = status === 0 ? 'done' : 'failed'
  const fingerprint = parts.access.fingerprint()
  const detail = { outcome, ...(status === 0 && fingerprint !== undefined && { fingerprint }) }
  parts.access.audit(words.slice(0, 2).join(' '), person.name, detail)
  if (status !== 0) return terminal.print(['Nothing was changed.'])
  const isServed = await parts.box.panelRuns()
  await terminal.print([isServed ? 'The page is served with it.' : 'The page is served with it when the panel runs.'])
}
