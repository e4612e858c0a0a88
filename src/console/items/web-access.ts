// The address of the page as something that a phone reads: in a version of the code that a screen of 24 lines holds.
import { encode } from 'uqr'
import type { InterfaceNow } from '../../core/host.ts'
import type { Item, Session } from '../parts.ts'

/** Version 1 with a border of one: 23 lines. */
const SIZE_MAX = 21
const TEXT_WIDTH = 30
const HTTPS_PORT = 443

export const webAccess: Item = {
  number: 5,
  title: 'Web access: URL, fingerprint, QR',
  async run({ terminal, parts }) {
    const urls = urlsOf(parts.box.interfaces(), parts.box.panelPort)
    const fingerprint = parts.access.fingerprint()
    await terminal.print([
      ...(urls.length > 0 ? urls : ['no interface has an address: set one by item 2']),
      (await parts.box.panelRuns()) ? 'The page answers.' : 'The page does not answer: is the panel running?',
      '',
      ...(fingerprint === undefined
        ? ['no certificate yet']
        : [
            'SHA-256 of its certificate, to compare with the browser:',
            ` ${fingerprint.slice(0, 48)}`,
            ` ${fingerprint.slice(48)}`,
          ]),
    ])
    for (const url of urls) if (!(await showCode(terminal, url))) break
    return urls.length > 0 ? 'menu' : undefined
  },
}

async function showCode(terminal: Session['terminal'], url: string): Promise<boolean> {
  let answer = await terminal.ask(`Enter: QR of ${url}, q: back `)
  let isInverted = true
  while (answer !== 'q') {
    const lines = codeLines(url, isInverted)
    if (!lines) {
      await terminal.print(['The code of this address has more lines than the screen: type the address.'])
      return true
    }
    await terminal.flow(lines)
    answer = await terminal.ask('Enter: next, i: dark and light swapped, q: back ')
    if (answer !== 'i') return answer !== 'q'
    isInverted = !isInverted
  }
  return false
}

export function urlsOf(interfaces: readonly InterfaceNow[], port: number): string[] {
  const suffix = port === HTTPS_PORT ? '' : `:${port}`
  const addresses = interfaces
    .filter((it) => it.up)
    .flatMap((it) => it.addresses.map((address) => address.split('/')[0] as string))
  return addresses.map((it) => `https://${it.includes(':') ? `[${it}]` : it}${suffix}`)
}

/** Two signs a module. `isInverted`: `#` is what lights up on a dark screen, so it stands for the light modules. Undefined: too large. */
export function codeLines(url: string, isInverted: boolean): string[] | undefined {
  // In capitals the address needs a third less room; scheme and host mean the same.
  const { size, data } = encode(url.toUpperCase(), { ecc: 'L', border: 1 })
  if (size > SIZE_MAX + 2) return undefined
  const text = [url.slice(0, TEXT_WIDTH)]
  return data.map((row, at) => {
    const cells = row.map((isDark) => (isDark === isInverted ? '  ' : '##')).join('')
    return `${cells}  ${text[at] ?? ''}`.trimEnd()
  })
}
