// The formats of a query, by name. Parquet's library is loaded only when it is asked for.
import type { Format } from './format.ts'
import { csv } from './csv.ts'
import { json, ndjson } from './json.ts'

const LOADERS: Readonly<Record<string, () => Promise<Format>>> = {
  csv: async () => csv,
  ndjson: async () => ndjson,
  json: async () => json,
  parquet: async () => (await import('./parquet.ts')).parquet,
}

/** Undefined when there is none of that name. */
export async function formatOf(name: string): Promise<Format | undefined> {
  return Object.hasOwn(LOADERS, name) ? LOADERS[name]?.() : undefined
}
