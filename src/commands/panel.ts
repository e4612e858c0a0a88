import { BadInput } from '../core/errors.ts'
import type { Command } from './command.ts'

const PORT_MAX = 65_535
const LISTEN_DEFAULT = '0.0.0.0:443'

export const panel: Command = {
  name: 'panel',
  role: 'local',
  summary: 'the web page and its API, over HTTPS, in the foreground',
  arguments: [],
  options: {
    listen: { value: 'HOST:PORT', summary: `where, ${LISTEN_DEFAULT} where it is missing; port 0: a free one` },
    redirect: { value: 'HOST:PORT', summary: 'plain HTTP there, which only leads to the page' },
  },
  run({ options, dir, parts, signal }) {
    const { listen = LISTEN_DEFAULT, redirect } = options
    const place = placeOf(String(listen), '--listen')
    return parts.panel(
      { dir, ...place, ...(typeof redirect === 'string' && { redirect: placeOf(redirect, '--redirect') }) },
      signal,
    )
  },
}

/** Throws BadInput. `[::]:443` as in addresses of pages. */
function placeOf(text: string, option: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits !== undefined && port <= PORT_MAX) return { host: bracketed ?? (plain || '0.0.0.0'), port }
  throw new BadInput([{ where: option, text: `"${text}" is not HOST:PORT, as 0.0.0.0:443 or [::]:443` }])
}
