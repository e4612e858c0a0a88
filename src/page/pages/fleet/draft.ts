// `update` of the settings as a form holds it, and back into the text with its comments.
import { parseDocument } from 'yaml'
import { putValues } from '../../settings-text/entries.ts'
import { pemText, pemValue, secretName, textOf, valueOf } from '../../settings-text/scalar.ts'

export interface FleetDraft {
  readonly server: string
  readonly tenant: string
  readonly auth: 'target' | 'gateway'
  /** Name of the secret. */
  readonly token: string
  /** PEM, or the name of a secret that has it. */
  readonly ca: string
  readonly windows: readonly { readonly at: string; readonly zone: string }[]
}

type Tree = Readonly<Record<string, unknown>>
const tree = (value: unknown): Tree => (typeof value === 'object' && value !== null ? (value as Tree) : {})

export function fleetDraft(text: string): FleetDraft {
  const own = tree(tree(parseDocument(text).toJS())['update'])
  const windows = Array.isArray(own['windows']) ? own['windows'].map(tree) : []
  return {
    server: textOf(own['server']),
    tenant: textOf(own['tenant']),
    auth: own['auth'] === 'gateway' ? 'gateway' : 'target',
    token: secretName(own['token']),
    ca: pemText(own['ca']),
    windows: windows.map((it) => ({ at: textOf(it['at']), zone: textOf(it['zone']) })),
  }
}

/** Only what differs is touched. Without a server nothing of it stays. */
export function withFleet(text: string, draft: FleetDraft): string {
  const was = fleetDraft(text)
  if (draft.server.trim() === '') return was.server === '' ? text : putValues(text, [[['update'], undefined]])
  const { server, tenant, auth, token, ca, windows } = draft
  const values: readonly (readonly [key: keyof FleetDraft, value: unknown])[] = [
    ['server', valueOf(server.trim())],
    ['tenant', tenant.trim() === '' ? undefined : valueOf(tenant.trim())],
    ['auth', auth === 'target' ? undefined : auth],
    ['token', token === '' ? undefined : { secret: token }],
    ['ca', pemValue(ca)],
    ['windows', windows.length === 0 ? undefined : windows.map(windowTree)],
  ]
  const changed = values.filter(([key]) => JSON.stringify(was[key]) !== JSON.stringify(draft[key]))
  return putValues(
    text,
    changed.map(([key, value]) => [['update', key], value]),
  )
}

function windowTree({ at, zone }: FleetDraft['windows'][number]): Tree {
  return { at: valueOf(at), ...(zone !== '' && { zone: valueOf(zone) }) }
}
