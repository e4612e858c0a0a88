import type { Item } from '../parts.ts'

const KINDS: Readonly<Record<string, string>> = { p: 'ping', d: 'dns', c: 'tcp', t: 'tls' }

export const probe: Item = {
  number: 8,
  title: 'Ping / DNS / TLS test',
  async run({ terminal, parts }) {
    const kind = KINDS[await terminal.ask('p: ping, d: DNS, c: port, t: TLS and certificate (Enter: none) ')]
    if (kind === undefined) return 'menu'
    const [host = '', port] = (await terminal.ask(kind === 'tcp' || kind === 'tls' ? 'Host and port: ' : 'Host: ')).split(
      /[\s]+|:(?=\d+$)/,
    )
    if (host === '') return 'menu'
    await terminal.during((signal) => parts.run(['probe', kind, host, ...(port ? ['--port', port] : [])], terminal.out, signal))
  },
}
