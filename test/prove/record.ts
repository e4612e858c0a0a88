// What `make prove` has reached: its place in run/prove, to go on from, and its row in test/PROOF.md.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const table = join(root, 'test/PROOF.md')
const HEAD = `# Proof

What the campaigns of \`make prove\` have reached: cases passed and failed, by the part. \`make prove PART=S2\` goes on with one and writes its row.

| part | passed | failed | date | commit | seed |
|---|---|---|---|---|---|
`

export interface Place {
  readonly commit: string
  readonly seed: number
  /** The next round. */
  readonly round: number
  readonly passed: number
  readonly failed: number
}

/** The commit, with a + where files differ from it. */
export function commitNow(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'test/faults') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}

const placeFile = (part: string) => join(root, 'run/prove', `${part}.json`)

/** Where this part stands on this commit; undefined: nowhere yet. */
export function placeOf(part: string): Place | undefined {
  const file = placeFile(part)
  const place = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Place) : undefined
  return place?.commit === commitNow() ? place : undefined
}

export function savePlace(part: string, place: Place): void {
  mkdirSync(join(root, 'run/prove'), { recursive: true })
  writeFileSync(placeFile(part), JSON.stringify(place))
}

/** Replaces the part's row; rows stand in their order. */
export function writeRow(part: string, { passed, failed, commit, seed }: Omit<Place, 'round'>): void {
  const text = existsSync(table) ? readFileSync(table, 'utf8') : HEAD
  const lines = text.trimEnd().split('\n')
  const isRow = (line: string) => /^\| (?!part )[\w-]+ \|/.test(line)
  const date = new Date().toISOString().slice(0, 10)
  const row = `| ${part} | ${passed} | ${failed} | ${date} | ${commit} | ${seed} |`
  const rows = [...lines.filter((it) => isRow(it) && !it.startsWith(`| ${part} |`)), row]
  const order = (line: string) => line.split(' ')[1]?.replace(/\d+/, (n) => n.padStart(2, '0')) ?? ''
  rows.sort((a, b) => order(a).localeCompare(order(b)))
  writeFileSync(table, `${[...lines.filter((it) => !isRow(it)), ...rows].join('\n')}\n`)
}
