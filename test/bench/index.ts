// `make bench`: figures beside others on the same work, each by a program of its own, one after another.
//
//   npm run --silent bench -- [P1 P1L P2 P3 P3J P4 P4L P5 P6 P7 P8 P9 P10 P11 P12] [--json] [--data DIR] [options of the figures that are named]
//
// P1 durable ingest by MQTT · P1L into the log alone · P2 size · P3 drain into Kafka · P3J drain beside Java's own · P4 days offline · P4L live beside a backlog
// P5 memory · P6 start of a large log · P7 queries · P8 what the device is written · P9 bytes on the wire · P10 scores of a model · P11 rules
// P12 bytes of an update, of what `make images` made: only where it is named. Without a name: all others. Options beyond these
// two go to each figure that is named: `P4 --days 7`.
// A figure that cannot be measured makes the end a failure; the others are measured all the same.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Line } from './lines.ts'
import { machine, noter, print } from './lines.ts'

interface Figure {
  readonly file: string
  readonly words: readonly string[]
  /** Measures recorded data sets. */
  readonly hasData?: boolean
  /** Needs more than `make bench` sets up. */
  readonly isNamed?: boolean
}

const FIGURES: Readonly<Record<string, Figure>> = {
  P1: { file: '../peers/bench.ts', words: ['P1'] },
  P1L: { file: 'ingest.ts', words: [] },
  P2: { file: 'size.ts', words: [], hasData: true },
  P3: { file: '../peers/bench.ts', words: ['P3'] },
  P3J: { file: 'drain.ts', words: [] },
  P4: { file: 'offline.ts', words: [], hasData: true },
  P4L: { file: 'beside.ts', words: [] },
  P5: { file: 'memory.ts', words: [] },
  P6: { file: 'start.ts', words: [] },
  P7: { file: 'query.ts', words: [] },
  P8: { file: 'device.ts', words: [], hasData: true },
  P9: { file: 'wire.ts', words: [], hasData: true },
  P10: { file: 'models.ts', words: [] },
  P11: { file: 'rules.ts', words: [] },
  P12: { file: 'update.ts', words: [], isNamed: true },
}
const note = noter('bench')

interface Request {
  readonly names: readonly string[]
  readonly asJson: boolean
  readonly data: readonly string[]
  readonly rest: readonly string[]
}

function requestOf(words: readonly string[]): Request {
  const first = words.findIndex((it) => it.startsWith('-'))
  const options = first < 0 ? [] : words.slice(first)
  // Names may stand behind the options that are ours: `--json P2 P4`.
  const names = words.filter((it) => it in FIGURES)
  const unknown = (first < 0 ? words : words.slice(0, first)).filter((it) => !(it in FIGURES))
  if (unknown.length > 0) throw new Error(`no figure ${unknown.join(', ')}: there are ${Object.keys(FIGURES).join(', ')}`)
  const at = options.indexOf('--data')
  const data = at < 0 ? [] : options.slice(at, at + 2)
  const rest = options.filter((it) => it !== '--json' && !data.includes(it) && !(it in FIGURES))
  if (rest.length > 0 && names.length === 0) throw new Error(`${rest.join(' ')}: name the figure that this is for`)
  const usual = Object.keys(FIGURES).filter((it) => FIGURES[it]?.isNamed !== true)
  return { names: names.length > 0 ? names : usual, asJson: options.includes('--json'), data, rest }
}

async function measured({ file, words, hasData }: Figure, { data, rest }: Request): Promise<Line[]> {
  const more = [...words, ...(hasData ? data : []), ...rest, '--json']
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, file), ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => void parts.push(part))
  const [code] = (await once(child, 'close')) as [number | null]
  const text = Buffer.concat(parts).toString()
  if (code !== 0) process.exitCode = 1
  if (text === '') throw new Error(`it ended with ${code ?? 'a signal'}`)
  return JSON.parse(text) as Line[]
}

const request = requestOf(process.argv.slice(2))
const lines: Line[] = []
note(machine())
for (const name of request.names) {
  note(`${name} …`)
  try {
    const some = await measured(FIGURES[name] as Figure, request)
    lines.push(...some)
    if (!request.asJson) print(some, false)
  } catch (error) {
    note(`${name} is left out: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
if (request.asJson) print(lines, true)
