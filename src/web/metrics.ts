// Figures where Prometheus looks for them: GET /metrics, with a token of role viewer.
import type { FastifyInstance } from 'fastify'
import { metricsText } from '../commands/metrics.ts'
import type { AgentApi } from '../core/agent-api.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function addMetrics(server: FastifyInstance, agent: AgentApi): void {
  server.get('/metrics', { config: { allow: 'viewer' } }, async (_, reply) => {
    const [status, uplinks] = await Promise.all([agent.status(), agent.uplinks()])
    // A text goes out as it is; the panel's own serializer is for answers of the API.
    return reply
      .type(TYPE)
      .header('cache-control', 'no-store')
      .serializer((it: unknown) => String(it))
      .send(metricsText(status, uplinks))
  })
}
