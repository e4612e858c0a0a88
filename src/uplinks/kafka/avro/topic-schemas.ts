// Which schema the records of a topic have, as an uplink finds out before it writes to it.
import { join } from 'node:path'
import type { Form } from '../../../core/stream.ts'
import type { UplinkContext } from '../../../core/uplink.ts'
import type { RecordFormat } from '../format.ts'
import { avroFormat, jsonFormat } from '../format.ts'
import type { SchemaProblem } from './registry.ts'
import { schemaRegistry } from './registry.ts'
import { frameOf } from './types.ts'

export interface TopicSchemas {
  readonly format: RecordFormat
  /** Topics whose schema is not known, and why. Afterwards `format` can write to all others. */
  missing(topics: ReadonlyMap<string, Form>): Promise<ReadonlyMap<string, SchemaProblem>>
}

export function topicSchemas({ name, encoding, records, cacheDir, route, traffic, clock }: UplinkContext): TopicSchemas {
  if (encoding?.format !== 'avro') return { format: jsonFormat, missing: async () => new Map() }
  const file = cacheDir === undefined ? undefined : { dir: join(cacheDir, 'registry'), name: `${name}.json` }
  const localAddress = route?.localAddress
  const registry = schemaRegistry(encoding, { file, localAddress, traffic, monotonic: () => clock.monotonic() })
  const frames = new Map<string, string>()
  return {
    format: avroFormat((topic) => frames.get(topic) as string),
    async missing(topics) {
      const problems = new Map<string, SchemaProblem>()
      // Blocks are neither JSON nor Avro.
      const written = (form: Form) => records !== 'blocks' || form === 'gap' || form === 'event'
      const asked = [...topics].filter(([topic, form]) => written(form) && !frames.has(topic))
      await Promise.all(
        asked.map(async ([topic, form]) => {
          const found = await registry.ask(topic, form)
          if (typeof found === 'number') frames.set(topic, frameOf(found))
          else problems.set(topic, found)
        }),
      )
      return problems
    },
  }
}
