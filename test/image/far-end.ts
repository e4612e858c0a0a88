// What stands in Kafka at the far end of a box's uplink, and what of it is proven there.
import { expect } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import type { VerifyReport } from '../../src/core/verify.ts'
import { verifyTopics } from '../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../kafka/broker.ts'
import { TOPICS } from '../kafka/broker.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { TRIAL_MS_MAX } from './box.ts'
import { OURS } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

/** A listener more, which the box reaches by another address. */
export function forTheBox(port: number, protocol: 'PLAINTEXT' | 'SSL' = 'PLAINTEXT') {
  const [plain, control, outside] = [0, 1, 2].map((it) => `127.0.0.1:${port + it}`)
  return {
    listeners: `PLAIN://${plain},BOX://${outside},CONTROL://${control}`,
    'advertised.listeners': `PLAIN://${plain},BOX://${OURS.uplink}:${port + 2}`,
    'listener.security.protocol.map': `PLAIN:PLAINTEXT,BOX:${protocol},CONTROL:PLAINTEXT`,
  }
}

/** That listener, as the box names it. */
export const brokerOf = ({ bootstrap }: Broker) => `${OURS.uplink}:${Number(bootstrap.split(':')[1]) + 2}`

export const statusNow = (box: Box) => box.ask<Status>('status').catch(() => undefined)
const deliveredIn = (status: Status | undefined) => status?.classes.find((it) => it.name === 'process')?.delivered ?? 0

/** Until `more` readings of the plant are in Kafka beside those that were. */
export async function flows(box: Box, more: number): Promise<number> {
  const before = deliveredIn(await until('the agent answers', () => statusNow(box), BOOT_MS_MAX, 2_000))
  const isMore = async () => {
    const delivered = deliveredIn(await statusNow(box))
    return delivered >= before + more && delivered
  }
  return until(`${more} readings more are delivered`, isMore, BOOT_MS_MAX + TRIAL_MS_MAX, 2_000)
}

/** What stands in Kafka is proven there, from outside. */
export async function verified(kafka: Broker, device: string): Promise<VerifyReport['totals']> {
  const signal = new AbortController().signal
  const report = await verifyTopics({ brokers: [kafka.bootstrap], device, topics: TOPICS, signal })
  console.log(`verify: ${JSON.stringify(report.totals)}`)
  expect(report).toMatchObject({ ok: true, totals: { missing: 0, doubled: 0 } })
  return report.totals
}
