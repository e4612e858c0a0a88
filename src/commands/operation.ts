// What the web page, scripts and the console call: one question with one answer, or with many rows. The panel draws its HTTP routes and the
// OpenAPI page from these, the CLI's words stand beside them in the same file.
//
//   'follow' (resumes) → GET /api/v1/follow?… too, rows as server-sent events with ids; Last-Event-ID goes on behind one
//   'sources browse' → POST /api/v1/sources/browse  { name, … } → 200 answer, or rows as NDJSON (or server-sent events, by Accept)
import type { z } from 'zod'
import type { AgentApi } from '../core/agent-api.ts'
import type { CertificatesApi } from '../core/certificates.ts'
import type { HostApi } from '../core/host.ts'
import type { OperatorRole } from '../core/operator.ts'
import type { UpdateApi } from '../core/update.ts'

export interface Operation<In extends z.ZodType = z.ZodType, Out extends z.ZodType = z.ZodType> {
  /** As the command's: `sources browse`. */
  readonly name: string
  /** The least role that may. */
  readonly access: OperatorRole
  readonly summary: string
  readonly input: In
  /** Of the answer; of each row where there are many. */
  readonly output: Out
  /** Rows until there are no more. */
  readonly many?: boolean
  /** Of many rows that say their `position`: the key of the input that takes one. Such an operation is also a GET, for clients of server-sent events. */
  readonly resumes?: string
  /** An audit event for each call: how it ended (that it began, where there are many rows), with these keys of the input in it (never a secret). */
  readonly audited?: readonly string[]
  /** Keys of the answer that the event has too. */
  readonly auditedAnswer?: readonly string[]
  run(input: z.output<In>, context: OperationContext): Promise<z.input<Out>> | AsyncIterable<z.input<Out>>
}

export interface OperationContext {
  readonly agent: AgentApi
  /** Rejects with Unreachable where no helper of root runs. */
  readonly host: HostApi
  /** Rejects with Unreachable where no updater runs. */
  readonly updater: UpdateApi
  /** Of the page. */
  readonly certificates: CertificatesApi
  readonly signal: AbortSignal
  /** Who asks: a user's name, `token NAME`, `console`, `cli`. */
  readonly by: string
}

/** Keeps the types of input and output together with what runs. */
export function operation<In extends z.ZodType, Out extends z.ZodType>(it: Operation<In, Out>): Operation {
  return it as unknown as Operation
}
