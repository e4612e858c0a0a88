// The API in the words of OpenAPI 3.1, drawn from the schemas that check it.
import { z } from 'zod'
import type { OperatorRole } from '../core/operator.ts'

export interface DescribedOperation {
  readonly name: string
  readonly access: OperatorRole
  readonly summary: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly many?: boolean
  readonly resumes?: string
}

const ABOUT = `Each operation is a POST with a JSON body. Many rows come as lines, {"row": …} each and {"done": true} at the end, or as server-sent events
with the same data where the client accepts text/event-stream. What JSON lacks is a map with one key: {"$bigint": "9007199254740993"},
{"$bytes": "base64"}, {"$number": "NaN"}. A browser sends its cookie and the header x-csrf-token with what the log-in answered; a script sends
Authorization: Bearer and its token.`

/** What the wire has for types of JavaScript that JSON lacks. */
const MARKED: Readonly<Record<string, object>> = {
  bigint: { type: 'object', properties: { $bigint: { type: 'string' } }, required: ['$bigint'], additionalProperties: false },
  custom: { type: 'object', properties: { $bytes: { type: 'string' } }, required: ['$bytes'], additionalProperties: false },
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => void Object.assign(jsonSchema, MARKED[zodSchema._zod.def.type]),
  })
  return made
}

const ERROR = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        code: { type: 'string' },
        text: { type: 'string' },
        remedy: { type: 'string' },
        problems: {
          type: 'array',
          items: {
            type: 'object',
            properties: { where: { type: 'string' }, text: { type: 'string' }, remedy: { type: 'string' } },
            required: ['where', 'text'],
          },
        },
      },
      required: ['name', 'text'],
    },
  },
  required: ['error'],
}

const answer = (description: string, type: string, schema: object) => ({ description, content: { [type]: { schema } } })

function pathItem({ name, access, summary, input, output, many, resumes }: DescribedOperation): object {
  const row = schemaOf(output, 'output')
  const line = {
    oneOf: [
      { type: 'object', properties: { row }, required: ['row'] },
      { type: 'object', properties: { done: { const: true } }, required: ['done'] },
      ERROR,
    ],
  }
  return {
    ...(resumes !== undefined && { get: eventsItem({ name, access, summary }, schemaOf(input, 'input'), line) }),
    post: {
      operationId: name.replaceAll(' ', '-'),
      summary,
      description: `Least role: ${access}.`,
      'x-least-role': access,
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(input, 'input') } } },
      responses: {
        200: many ? answer('rows', 'application/x-ndjson', line) : answer('the answer', 'application/json', row),
        default: answer('what is wrong, where, and what to do', 'application/json', ERROR),
      },
    },
  }
}

/** The same as a GET: keys of the input are those of the query. */
function eventsItem(
  { name, access, summary }: Pick<DescribedOperation, 'name' | 'access' | 'summary'>,
  input: object,
  line: object,
) {
  const { properties = {} } = input as { properties?: Readonly<Record<string, object>> }
  const inQuery = Object.entries(properties).map(([key, schema]) => ({ name: key, in: 'query', schema }))
  return {
    operationId: `${name.replaceAll(' ', '-')}-events`,
    summary,
    description: `Least role: ${access}. The id of an event is where to go on behind it.`,
    'x-least-role': access,
    parameters: [...inQuery, { name: 'Last-Event-ID', in: 'header', schema: { type: 'string' } }],
    responses: {
      200: answer('rows', 'text/event-stream', line),
      default: answer('what is wrong, where, and what to do', 'application/json', ERROR),
    },
  }
}

export function openApi(operations: readonly DescribedOperation[], version: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Holdfast', version, description: ABOUT },
    servers: [{ url: '/' }],
    security: [{ session: [], csrf: [] }, { token: [] }],
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: '__Host-holdfast' },
        csrf: { type: 'apiKey', in: 'header', name: 'x-csrf-token' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
    paths: Object.fromEntries(operations.map((it) => [`/api/v1/${it.name.replaceAll(' ', '/')}`, pathItem(it)])),
  }
}
