// The least that may be installed: a file of its own, in a place that a factory reset leaves alone.
//
// `generation` only ever rises. `version` is what stayed last: it rises when a version has shown that it is well, and goes down by nothing but an
// explicit roll-back. Always held: a bundle below either is not installed, by whatever way it comes.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { BundleInfo } from './slots.ts'
import { compareVersions, VERSION_PATTERN } from './version.ts'

export interface Minimum {
  read(): Promise<BundleInfo | null>
  /** Throws Unreachable `bundle-old`, or `bundle-refused` where its version is no version: none can be compared with it. */
  allows(bundle: BundleInfo): Promise<void>
  /** It runs, and it stays. */
  raise(bundle: BundleInfo): Promise<void>
  /** A person went back to it. */
  lower(version: string): Promise<void>
}

const stored = z.strictObject({ generation: z.int().min(0), version: z.string().regex(VERSION_PATTERN) })

export function openMinimum(file: string, write: (path: string, text: string) => Promise<void>): Minimum {
  async function read(): Promise<BundleInfo | null> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return null
    try {
      return stored.parse(JSON.parse(text))
    } catch {
      // Whoever could damage it would else get every old version in.
      throw new BadInput([
        { where: file, text: 'is damaged, so nothing is installed', remedy: 'restore it, or write the image anew' },
      ])
    }
  }
  const put = async (it: BundleInfo) => {
    // What could not be read again would keep everything out.
    if (!stored.safeParse(it).success)
      throw new BadInput([{ where: 'version', text: `${JSON.stringify(it.version)} is no version` }])
    await write(file, `${JSON.stringify(it)}\n`)
  }
  return {
    read,
    async allows({ version, generation }) {
      if (!VERSION_PATTERN.test(version)) {
        const remedy = 'build the bundle with a version of letters, digits and . + ~ -, as 2.1.0'
        throw new Unreachable('bundle-refused', `the bundle is refused: ${JSON.stringify(version)} is no version`, { remedy })
      }
      const least = await read()
      if (!least) return
      const remedy = 'take a younger one; to go back to the version before, boot the other slot: update rollback'
      if (generation < least.generation)
        throw new Unreachable('bundle-old', `generation ${generation} is below ${least.generation}, which this box has had`, {
          remedy,
        })
      if (generation === least.generation && compareVersions(version, least.version) < 0)
        throw new Unreachable('bundle-old', `version ${version} is older than ${least.version}, which this box has had`, {
          remedy,
        })
    },
    async raise({ version, generation }) {
      const least = await read()
      await put({ version, generation: Math.max(generation, least?.generation ?? 0) })
    },
    async lower(version) {
      const least = await read()
      if (least) await put({ ...least, version })
    },
  }
}
