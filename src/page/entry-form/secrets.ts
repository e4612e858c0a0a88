import { call } from '../api/client.ts'
import type { Draft } from './draft.ts'
import { isOut, isSecret } from './draft.ts'
import type { EntrySpec, FieldSpec } from './spec.ts'

/** What was typed, into the box's store, apart from the settings; the settings name it. Says by key under which names. */
export async function storeSecrets(
  draft: Draft,
  { fields }: EntrySpec,
  nameOf: (field: FieldSpec) => string,
): Promise<Record<string, string>> {
  const names: Record<string, string> = {}
  for (const field of fields) {
    const text = draft.secrets[field.key] ?? ''
    if (text === '' || isOut(field, draft) || !isSecret(field, draft.values)) continue
    const name = nameOf(field)
    await call('secrets set', { name, text })
    names[field.key] = name
  }
  return names
}
