// A copy of the tree to make mistakes in, and its tests run on it.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Fault } from './fault.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['src', 'test', 'images/rauc', 'README.md', 'package.json', 'tsconfig.json', 'vitest.config.ts']
const LINKED = ['node_modules', '.cache']
const OUTPUT_CHARACTERS_MAX = 20_000
/** Tests of many random cases run some of them here. */
const FEWER = { HOLDFAST_RUNS: '20', HOLDFAST_SEEDS: '25', HOLDFAST_KILLS: '5' }
const PROOF_SEED = 20_261_129

export interface Tree {
  /** Call what it returns to take the mistake out again. */
  plant(fault: Fault): () => void
  /** Whether the tests say that all is well. */
  run(proof: string, msMax: number): Promise<Verdict>
  remove(): void
}

/** `hung`: it did not end in time. */
export interface Verdict {
  readonly kind: 'green' | 'red' | 'hung'
  /** The end of what it printed. */
  readonly output: string
}

/** DIR is made; its parent is there. */
export function copyTree(dir: string): Tree {
  mkdirSync(dir)
  for (const it of COPIED) cpSync(join(root, it), join(dir, it), { recursive: true })
  for (const it of LINKED) if (existsSync(join(root, it))) symlinkSync(join(root, it), join(dir, it))
  return {
    plant(fault) {
      const path = join(dir, fault.file)
      const whole = readFileSync(path, 'utf8')
      writeFileSync(path, planted(fault, dir))
      return () => writeFileSync(path, whole)
    },
    run: (proof, msMax) => runIn(dir, proof, msMax),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** The file with the mistake in it. Throws where its place is not exactly one, or what comes out is no TypeScript. */
export function planted({ id, file, find, replace }: Fault, of = root): string {
  const text = readFileSync(join(of, file), 'utf8')
  const places = text.split(find).length - 1
  if (places !== 1) throw new Error(`${id}: its text stands ${places} times in ${file}, and has to once`)
  const changed = text.replace(find, () => replace)
  stripTypeScriptTypes(changed)
  return changed
}

/** The command of a proof; throws where there is no such test. */
export function commandOf(proof: string): readonly string[] {
  const [, part = '', cases = ''] = /^([A-Z]\d+) x (\d+)$/.exec(proof) ?? []
  if (part !== '') return ['test/prove/prove.ts', '--short', '--part', part, '--cases', cases, '--seed', String(PROOF_SEED)]
  const [file = '', name] = proof.split(' > ')
  if (!existsSync(join(root, file))) throw new Error(`there is no test ${file}`)
  const only = name === undefined ? [] : ['-t', name]
  return ['node_modules/vitest/vitest.mjs', 'run', file, '--bail', '1', '--retry', '0', ...only]
}

/** A Kafka has a group of its own (kafka.sh), and a test that stops at its first failure leaves it. */
function endBrokers(temporary: string): void {
  const pids = readdirSync(temporary, { recursive: true, encoding: 'utf8' }).filter((it) => /\/broker-\d+\.pid$/.test(it))
  for (const it of pids) killOne(Number(readFileSync(join(temporary, it), 'utf8')))
}

function killOne(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** In a process group of its own, so that what hangs goes with all that it started. */
async function runIn(dir: string, proof: string, msMax: number): Promise<Verdict> {
  const temporary = mkdtempSync(join(tmpdir(), 'hf-proof-'))
  const child = spawn(process.execPath, commandOf(proof), {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...FEWER, NO_COLOR: '1', FORCE_COLOR: '0', TMPDIR: temporary },
  })
  let output = ''
  const take = (text: string) => (output = (output + text).slice(-OUTPUT_CHARACTERS_MAX))
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    killGroup(child.pid)
  }, msMax)
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve))
  clearTimeout(timer)
  // What a test left running must not outlive it.
  killGroup(child.pid)
  endBrokers(temporary)
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5 })
  return { kind: isLate ? 'hung' : code === 0 ? 'green' : 'red', output }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it is gone already.
  }
}
