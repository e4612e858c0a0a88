// What goes in and comes out of operations, as schemas: what OpenAPI shows.
import { z } from 'zod'
import type { ExportKey } from '../../core/airgap.ts'
import { BROWSE_ENTRIES_MAX } from '../../core/bounds.ts'
import type { ScanRequest, ScanStep } from '../../core/scan.ts'
import type { BrowseEntry, Certificate, TestStep } from '../../core/source.ts'
import type { BrowseSourceRequest, TrustSourceRequest } from '../../core/agent-api.ts'
import { count, maybe, shapeOf } from './shape.ts'

export const nothing = z.strictObject({})

/** Of a source, an uplink, a secret. */
export const nameInput = z.string().min(1).max(256)
export const named = z.strictObject({ name: nameInput })

export const quality = z.enum(['good', 'uncertain', 'bad'])
export const valueKind = z.enum(['double', 'long', 'bool', 'string', 'bytes'])

export const testStep = shapeOf<TestStep>()(
  z.object({ step: z.string(), ok: z.boolean(), detail: z.string(), remedy: maybe(z.string()) }),
)

export const browseInput = shapeOf<BrowseSourceRequest>()(
  z.strictObject({
    name: nameInput,
    node: maybe(z.string().min(1).max(4_096)),
    search: maybe(z.string().min(1).max(256)),
    limit: z.int().min(1).max(BROWSE_ENTRIES_MAX),
  }),
)

const browseValue = z.object({ kind: valueKind, text: z.string(), quality, type: z.string() })

export const browseEntry = shapeOf<BrowseEntry>()(
  z.object({
    node: z.string(),
    name: z.string(),
    path: maybe(z.array(z.string())),
    isFolder: z.boolean(),
    value: browseValue.nullable(),
    unit: maybe(z.string()),
    range: maybe(z.tuple([z.number(), z.number()])),
    description: maybe(z.string()),
    line: maybe(z.record(z.string(), z.union([z.string(), z.number()]))),
  }),
)

export const trustInput = shapeOf<TrustSourceRequest>()(
  z.strictObject({ name: nameInput, fingerprint: maybe(z.string().min(1).max(256)) }),
)

export const certificate = shapeOf<Certificate>()(
  z.object({
    fingerprint: z.string(),
    subject: z.string(),
    validFrom: z.string(),
    validTo: z.string(),
    state: z.enum(['trusted', 'rejected']),
  }),
)

export const scanInput = shapeOf<ScanRequest>()(
  z.strictObject({ address: z.string().min(1).max(256), protocol: maybe(z.string().min(1).max(64)) }),
)

const found = z.object({
  address: z.string(),
  detail: z.string(),
  entry: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.never())])),
  protocol: z.string(),
})

export const scanStep = shapeOf<ScanStep>()(
  z.object({
    done: count,
    all: count,
    host: z.string(),
    found: z.array(found),
    held: z.array(z.object({ protocol: z.string(), source: z.string() })),
    failed: z.array(z.object({ protocol: z.string(), text: z.string() })),
  }),
)

export const exportKey = shapeOf<ExportKey>()(
  z.object({ device: z.string(), epoch: z.string(), key: z.string(), uplink: z.string().nullable() }),
)
