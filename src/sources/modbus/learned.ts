// What a device turned out to be like: which addresses it refuses, and how much it gives at once. Kept in a file beside the log, so that
// a restart does not search again; it holds for the settings that it was found with. Losing it costs a search.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Points by their place in the settings: each is in a block or refused. */
export interface Learned {
  readonly blocks: readonly (readonly number[])[]
  readonly refused: readonly (readonly [point: number, exception: number])[]
  /** Registers at once, where they turned out to be fewer than blockMax. */
  readonly blockMax?: number
}

export interface Memory {
  recall(): Learned | undefined
  /** Undefined: there is nothing special about this device. Throws what the disk says. */
  keep(learned: Learned | undefined): void
}

/** For one unit of one source. `about`: all that this depends on. */
export function openMemory(dir: string, name: string, about: unknown, points: number): Memory {
  const file = join(dir, `learned-${encodeURIComponent(name)}.json`)
  const settings = createHash('sha256').update(JSON.stringify(about)).digest('hex')
  return {
    recall() {
      try {
        const found = JSON.parse(readFileSync(file, 'utf8')) as { settings: unknown; learned: Learned }
        return found.settings === settings && isWhole(found.learned, points) ? found.learned : undefined
      } catch {
        return undefined
      }
    },
    keep(learned) {
      if (dir === '') return
      mkdirSync(dir, { recursive: true })
      writeFileSync(`${file}.new`, JSON.stringify({ settings, learned: learned ?? null }))
      renameSync(`${file}.new`, file)
    },
  }
}

/** Every point once, and nothing else. */
function isWhole(learned: unknown, points: number): boolean {
  const { blocks, refused } = learned as Learned
  const all = [...blocks.flat(), ...refused.map(([point]) => point)]
  const isPoint = (it: unknown) => Number.isInteger(it) && (it as number) >= 0 && (it as number) < points
  const areExceptions = refused.every(([, exception]) => Number.isInteger(exception) && exception > 0 && exception < 256)
  return all.length === points && new Set(all).size === points && all.every(isPoint) && areExceptions
}
