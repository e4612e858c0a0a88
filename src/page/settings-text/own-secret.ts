// Names of secrets that forms store: never one that another entry of the settings uses, or that one would get what was typed for this.
import type { SecretEntry } from '../../core/operator.ts'
import { call } from '../api/client.ts'
import type { ListKey } from './entries.ts'
import { entriesOf } from './entries.ts'

/** As the settings in force use them. `name`: of the entry in them, undefined where it is new. */
export async function ownSecrets(key: ListKey, name: string | undefined): Promise<(wanted: string) => string> {
  const [secrets, { text }] = await Promise.all([call('secrets list', {}), call('settings show', {})])
  const at = entriesOf(text, key).findIndex((it) => name !== undefined && it['name'] === name)
  return (wanted) => freeName(wanted, secrets, `${key}[${at}]`)
}

/** `own`: where this entry stands; what it uses is its own. */
export function freeName(wanted: string, secrets: readonly Pick<SecretEntry, 'name' | 'usedBy'>[], own: string): string {
  const others = secrets.filter(({ usedBy }) => usedBy.some((it) => !it.startsWith(`${own}.`)))
  const isFree = (name: string) => !others.some((it) => it.name === name)
  let name = wanted
  for (let n = 2; !isFree(name); n++) name = `${wanted}-${n}`
  return name
}
