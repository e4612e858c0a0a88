// What the keeper is opened with: the thread that starts it needs no more of it.
import type { ClassSettings } from '../core/settings.ts'
import type { WriterOptions } from './writer.ts'

export type AggregatingClass = Pick<ClassSettings, 'name' | 'commitEveryMs'>

export interface KeeperOptions {
  /** DIR/log. */
  readonly dir: string
  readonly device: string
  readonly bytesMax: number
  /** First is most valuable. */
  readonly classes: readonly string[]
  /** Of these only aggregates leave. Absent: of none. */
  readonly aggregating?: readonly AggregatingClass[] | undefined
}

/** What the keeper needs of what the writer runs by. */
export function keeperOptions(options: Pick<WriterOptions, 'dir' | 'device' | 'bytesMax' | 'classes'>): KeeperOptions {
  const { dir, device, bytesMax, classes } = options
  const aggregating = classes.filter((it) => it.forward).map(({ name, commitEveryMs }) => ({ name, commitEveryMs }))
  return { dir, device, bytesMax, classes: classes.map((it) => it.name), aggregating }
}
