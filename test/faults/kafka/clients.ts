// The clients that every campaign of the uplink runs over.
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'

export interface Client {
  readonly name: string
  readonly settings: Partial<KafkaSettings>
}

const CLIENTS: readonly Client[] = [
  { name: 'direct', settings: { client: 'direct' } },
  { name: 'kafkajs', settings: { client: 'kafkajs' } },
]

/** Rounds take turns. */
export const clientOf = ({ number }: { readonly number: number }): Client => CLIENTS[number % CLIENTS.length] as Client
