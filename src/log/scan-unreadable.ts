// Places of segments that the device did not read (EIO). The first time that ends the process, as every error of the device does: it may be a
// moment's. What it does not read in another process either is damage, of the block that lies there and of no other.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DamagedBlock } from '../columns/index.ts'

const PLACES_MAX = 1_000

/** Reads, or throws DamagedBlock for a place that was not read in an earlier process either. `dir` is DIR/log. */
export type ReadPlace = <T>(path: string, offset: number, read: () => T) => T

export function createUnreadable(dir: string): ReadPlace {
  const file = join(dir, 'unreadable')
  const known = placesIn(file)
  return (path, offset, read) => {
    try {
      return read()
    } catch (error) {
      if ((error as { code?: string }).code !== 'EIO') throw error
      const place = `${path} ${offset}`
      if (known.includes(place)) throw new DamagedBlock('truncated', 'the device does not read it', { cause: error })
      writeFileSync(file, [...known, place].slice(-PLACES_MAX).join('\n'))
      throw error
    }
  }
}

function placesIn(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}
