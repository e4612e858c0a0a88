// The library that stands between a process and its files (shim.c): built when it is needed, steered through a file of 64-bit words.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../.cache/', import.meta.url))

/** Errors of the kernel by number. */
export const EIO = 5
export const ENOSPC = 28

const KINDS = ['read', 'write', 'flush', 'open', 'truncate', 'names'] as const
export type Kind = (typeof KINDS)[number]

const WORDS = 64
const FOREVER = 2n ** 62n

/** Its path; built by gcc once for each version of its source, a file beside this one. */
export function built(name: string, flags: readonly string[] = [], libraries: readonly string[] = []): string {
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url))
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const program = join(cache, `${name}-${hash}`)
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const fresh = `${program}.${process.pid}`
  execFileSync('gcc', [...flags, '-O2', '-o', fresh, source, ...libraries], { stdio: 'inherit' })
  renameSync(fresh, program)
  return program
}

export const shimLibrary = (): string => built('shim', ['-shared', '-fPIC'], ['-ldl'])

export interface Control {
  readonly file: string
  /** From the `from`th operation of these kinds on, counted from now, `times` of them fail. */
  fail(kinds: readonly Kind[], errno: number, from: number, times: number | 'for ever'): void
  heal(): void
  /** How many operations were failed so far. */
  failed(): number
  /** Operations so far. */
  counts(): Record<Kind, number>
  close(): void
}

export function createControl(file: string): Control {
  const fd = openSync(file, 'w+')
  const words = new BigUint64Array(WORDS)
  writeSync(fd, new Uint8Array(4096))
  const write = (at: number, values: readonly bigint[]) =>
    writeSync(fd, BigUint64Array.from(values), 0, values.length * 8, at * 8)
  const read = () => (readSync(fd, words, 0, WORDS * 8, 0), words)
  return {
    file,
    fail(kinds, errno, from, times) {
      // Switched off first: the process is at work meanwhile.
      write(2, [0n])
      const mask = kinds.reduce((sum, it) => sum | (1 << KINDS.indexOf(it)), 0)
      write(3, [times === 'for ever' ? FOREVER : BigInt(times), 0n])
      write(0, [BigInt(mask), BigInt(errno)])
      write(2, [BigInt(from)])
    },
    heal: () => void write(2, [0n]),
    failed: () => Number(read()[5]),
    counts: () => Object.fromEntries(KINDS.map((it, n) => [it, Number(read()[6 + n])])) as Record<Kind, number>,
    close: () => closeSync(fd),
  }
}
