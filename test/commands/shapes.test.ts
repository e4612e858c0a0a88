// The schemas of operations: they say what core's types say, and what operations answer is what they say.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { openCertificates } from '../../src/access/certificate.ts'
import { OPERATIONS } from '../../src/commands/index.ts'
import { maybe, shapeOf } from '../../src/commands/shapes/shape.ts'
import { authority } from '../access/authority.ts'
import { handMadeHost } from '../machine/hand-made-host.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { handMadeUpdater } from '../update/hand-made-updater.ts'
import { inputFor } from '../web/inputs.ts'

const dir = mkdtempSync(join(tmpdir(), 'hf-shapes-'))
afterAll(() => rmSync(dir, { recursive: true }))

interface Thing {
  readonly name: string
  readonly size?: number
  readonly parts: readonly { readonly kind: 'a' | 'b' }[]
}

const parts = z.array(z.object({ kind: z.enum(['a', 'b']) }))

test('a schema that says something else than the type does not compile', () => {
  expect(
    shapeOf<Thing>()(z.object({ name: z.string(), size: maybe(z.number()), parts })).parse({ name: 'x', parts: [] }),
  ).toEqual({
    name: 'x',
    parts: [],
  })
  // @ts-expect-error a key is missing, though it may be left out
  shapeOf<Thing>()(z.object({ name: z.string(), parts }))
  // @ts-expect-error another type
  shapeOf<Thing>()(z.object({ name: z.number(), size: maybe(z.number()), parts }))
  // @ts-expect-error a key more
  shapeOf<Thing>()(z.object({ name: z.string(), size: maybe(z.number()), more: z.string(), parts }))
  // @ts-expect-error deep down one word is missing
  shapeOf<Thing>()(z.object({ name: z.string(), size: maybe(z.number()), parts: z.array(z.object({ kind: z.enum(['a']) })) }))
  // @ts-expect-error undefined is not the same as not there
  shapeOf<Thing>()(z.object({ name: z.string(), size: z.number().optional(), parts }))
})

const AGENTS = OPERATIONS.filter((it) => !/^(network|clock|restart|probe|diagnostics)/.test(it.name))

test.each(AGENTS.map((it) => [it.name, it] as const))('%s answers what its schema says', async (_, operation) => {
  const input = operation.input.parse(inputFor(operation.name))
  const certificates = openCertificates(dir, 'holdfast-7f3a.local')
  if (operation.name === 'certificate replace') Object.assign(input as object, await (await authority('Plant root')).issue())
  const context = {
    agent: handMadeAgent(),
    host: handMadeHost(),
    updater: handMadeUpdater(),
    certificates,
    signal: new AbortController().signal,
    by: 'anna',
  }
  const result = operation.run(input, context as never)
  if (!(Symbol.asyncIterator in result)) return void operation.output.parse(await result)
  for await (const row of result) operation.output.parse(row)
})
