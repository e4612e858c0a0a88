import { call } from '../api/client.ts'
import type { Draft } from './draft.ts'
import { isOut, isSecret } from './draft.ts'
import { ownSecrets } from '../settings-text/own-secret.ts'
import type { ListKey } from '../settings-text/entries.ts'
import type { EntrySpec, FieldSpec } from './spec.ts'

/** Where the entry stands in the settings; the name that it has there, undefined where it is new. */
interface Place {
  readonly list: ListKey
  readonly name: string | undefined
}

/** What was typed, into the box's store, apart from the settings; the settings name it. Says by key under which names: of those wished for what is free. */
export async function storeSecrets(
  draft: Draft,
  { fields }: EntrySpec,
  { list, name: before }: Place,
  wishedFor: (field: FieldSpec) => string,
): Promise<Record<string, string>> {
  const names: Record<string, string> = {}
  const typed = fields.filter((it) => (draft.secrets[it.key] ?? '') !== '' && !isOut(it, draft) && isSecret(it, draft.values))
  if (typed.length === 0) return names
  const ownName = await ownSecrets(list, before)
  for (const field of typed) {
    const name = ownName(wishedFor(field))
    await call('secrets set', { name, text: draft.secrets[field.key] ?? '' })
    names[field.key] = name
  }
  return names
}
