// The JSON Schema of the settings file, for editors and for CI without Holdfast.
import { z } from 'zod'
import { SECRET_KEYS } from './cross-checks.ts'
import type { SettingsSchemas } from './schema.ts'
import { report, settingsSchema, writes } from './schema.ts'

type Json = Record<string, unknown>

const DEFS = {
  var: {
    type: 'object',
    description: "Takes its value from the box's own values.yaml.",
    properties: { var: { type: 'string' } },
    required: ['var'],
    additionalProperties: false,
  },
  secret: {
    type: 'object',
    description: 'Names an entry of the secret store.',
    properties: { secret: { type: 'string' } },
    required: ['secret'],
    additionalProperties: false,
  },
}
const VAR = { $ref: '#/$defs/var' }
const SECRET = { $ref: '#/$defs/secret' }

export function settingsJsonSchema(schemas: SettingsSchemas): Json {
  const { $schema, ...root } = jsonSchemaOf(settingsSchema(schemas))
  const { $schema: _, ...reported } = jsonSchemaOf(report)
  const { $schema: __, ...written } = jsonSchemaOf(writes)
  const head = (protocol: string) => ({
    name: { type: 'string' },
    protocol: { const: protocol },
    report: reported,
    writes: written,
  })
  const sources = Object.entries(schemas.protocols).map(([protocol, schema]) => withHead(head(protocol), jsonSchemaOf(schema)))
  const body = rewrite(root, sources) as Json
  return { $schema, title: 'Holdfast settings', ...body, $defs: DEFS }
}

function jsonSchemaOf(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Json
}

/** A protocol's own keys, with those that every source has before them in every branch. */
function withHead(head: Json, schema: Json): Json {
  const { $schema: _, ...own } = schema
  const branches = ['anyOf', 'oneOf', 'allOf'].filter((it) => Array.isArray(own[it]))
  const branched = Object.fromEntries(branches.map((it) => [it, (own[it] as Json[]).map((branch) => withHead(head, branch))]))
  if (branches.length > 0 && own.properties === undefined) return { ...own, ...branched }
  return {
    ...own,
    ...branched,
    properties: { ...head, ...(own.properties as Json) },
    required: ['name', 'protocol', ...((own.required as string[]) ?? [])],
  }
}

/** Puts the sources in their place; lets every value be a variable, and texts a secret. */
function rewrite(schema: unknown, sources: readonly Json[]): unknown {
  if (Array.isArray(schema)) return schema.map((it) => rewrite(it, sources))
  if (typeof schema !== 'object' || schema === null) return schema
  const node = schema as Json
  if (node.sourceHead) return { anyOf: sources.map((it) => rewrite(it, sources)) }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, rewriteKeyword(key, value, sources)]))
}

function rewriteKeyword(key: string, value: unknown, sources: readonly Json[]): unknown {
  if (key === 'properties') {
    return Object.fromEntries(Object.entries(value as Json).map(([name, it]) => [name, open(name, it, sources)]))
  }
  if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) return open('', value, sources)
  return key === 'anyOf' || key === 'oneOf' || key === 'allOf' ? rewrite(value, sources) : value
}

function open(name: string, value: unknown, sources: readonly Json[]): Json {
  if (SECRET_KEYS.has(name)) return SECRET
  const schema = rewrite(value, sources) as Json
  const { default: standard, description, ...rest } = schema
  const about = { ...(description !== undefined && { description }), ...(standard !== undefined && { default: standard }) }
  return {
    ...about,
    anyOf: schema.type === 'string' && !schema.enum && schema.const === undefined ? [rest, VAR, SECRET] : [rest, VAR],
  }
}
