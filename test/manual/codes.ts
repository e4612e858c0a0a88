// Every stable code that the sources can show to an operator, found in their text.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const WORD = "'([a-z][a-z0-9-]+)'"
/** Where a code stands in the sources. */
const PLACES: readonly RegExp[] = [
  new RegExp(String.raw`\bcode(?:\s*=\s*|: )${WORD}`, 'g'),
  new RegExp(String.raw`\bnew (?:Unreachable|Blocked)\(\s*${WORD}`, 'g'),
  new RegExp(String.raw`\bnew (?:Refused|HttpRefused)\(\s*(?:\d+, )?${WORD}`, 'g'),
  new RegExp(String.raw`\bmake\(\s*${WORD}`, 'g'),
  new RegExp(String.raw`\bend\(${WORD}, `, 'g'),
  new RegExp(String.raw`\bwhere: '(settings-[a-z]+)'`, 'g'),
  new RegExp(String.raw`\b(?:READ_DENIED|AGENT_UNREACHABLE) = ${WORD}`, 'g'),
  new RegExp(String.raw`\bcode: \w+ \? ${WORD} : '`, 'g'),
]
/** Tables of lines [code, text, remedy]. */
const TABLES = /^(?:src\/clients\/(?:kafka|mqtt)\/explain|src\/sources\/files\/folder)\.ts$/
const LINE = new RegExp(String.raw`\[\s*${WORD},\s*['"\x60]`, 'g')
/** Words that make a code with a number behind them. */
const NUMBERED: readonly RegExp[] = [/`(exception)-\$\{/g, /`(mqtt)-\$\{/g]
/** `export type WaitCode = 'window' | 'link'`. */
const UNIONS = /^export type \w+Code = (.*)$/gm
/** As `${kind}-insecure` in settings/read.ts. */
const INSECURE = '`${kind}-insecure`'

/** `custom` is zod's. The plant is no part of a box. */
const OTHERS = new Set(['custom'])
/** Found where a reason stands, and none: of a checkpoint, a mode of a node. */
const NO_REASONS = new Set(['interval', 'unconfirmed'])
const LEFT_OUT = /^src\/(?:plant|page)\//

export function codesOf(root: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const path of sources(root)) {
    const text = readFileSync(join(root, path), 'utf8')
    for (const code of codesIn(path, text)) found.set(code, [...new Set([...(found.get(code) ?? []), path])])
  }
  return found
}

export function codesIn(path: string, text: string): string[] {
  const patterns = TABLES.test(path) ? [...PLACES, LINE] : PLACES
  const plain = patterns.flatMap((it) => [...text.matchAll(it)].map((match) => match[1] as string))
  const numbered = NUMBERED.flatMap((it) => [...text.matchAll(it)].map((match) => `${match[1]}-n`))
  const unions = [...text.matchAll(UNIONS)].flatMap((it) =>
    [...(it[1] ?? '').matchAll(/'([a-z-]+)'/g)].map((word) => word[1] as string),
  )
  const insecure = text.includes(INSECURE) ? ['source-insecure', 'uplink-insecure', 'notifier-insecure'] : []
  return [...plain, ...numbered, ...unions, ...insecure].filter((it) => !OTHERS.has(it))
}

function sources(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((it) => `src/${it}`)
    .filter((it) => it.endsWith('.ts') && !LEFT_OUT.test(it))
}

/** Reasons that stand in the ledger and words of sources' notes, as far as the sources name them in full. */
export function wordsOf(root: string): string[] {
  const found = sources(root).flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const patterns = [
      /\.refuse\([^()]*?'([a-z-]+)'/g,
      /\breason: '([a-z-]+)'/g,
      /\bnote\('([a-z-]+)'/g,
      /\blose\([^()]*?'([a-z-]+)'/g,
    ]
    return patterns.flatMap((it) => [...text.matchAll(it)].map((match) => match[1] as string))
  })
  return [...new Set(found)].filter((it) => !NO_REASONS.has(it))
}
