import type { Shape } from './readings.ts'

/** What takes part in the drill: how it is started, where it buffers, what its Kafka records say. One file each under peers/. */
export interface Peer {
  readonly name: string
  /** Where its program is looked for; undefined: it is not there, with what would bring it. */
  missing(): string | undefined
  setup(job: Job): Promise<Program> | Program
  /** The readings of one Kafka record's value: tag and time in ms. */
  decode(value: Buffer): Iterable<readonly [tag: string, timeMs: number]>
}

export interface Job {
  readonly dir: string
  readonly mqttPort: number
  readonly kafkaPort: number
  readonly shape: Shape
}

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  /** The folder whose growth is its buffer. */
  readonly buffer: string
}

export const DRILL_TOPIC = 'readings'
