// P10: scores a second of the example model, through all that a rule's score goes through: the rules' thread, the asking thread, the scorer's socket, the
// model's process. One after another, as rules ask; the processor time is that of all processes together. Rows are windows of the recording that it was made of.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import type { RuleSettings } from '../../src/core/rule.ts'
import { modelFile } from '../../src/models/files.ts'
import { modelManifest } from '../../src/models/model.ts'
import { scorerSocket } from '../../src/models/socket.ts'
import { openScoring } from '../../src/workers/scoring-host.ts'
import { keyIn, layAddon, sealed, startScorer } from '../models/box.ts'
import { line, noter, print, whole } from './lines.ts'

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, seconds: { type: 'string', default: '10' } } })
const note = noter('P10')
const example = join(import.meta.dirname, '../models/example/machine-temperature')
const TICKS_PER_SECOND = 100

/** Processor seconds and bytes of memory of a process and what it has started. */
function usedBy(pid: number): { seconds: number; bytes: number[] } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  const others = children.map(usedBy)
  return {
    seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND + others.reduce((sum, it) => sum + it.seconds, 0),
    bytes: [pages * 4_096, ...others.flatMap((it) => it.bytes)],
  }
}

const dir = mkdtempSync(join(tmpdir(), 'hf-bench-models-'))
const data = join(dir, 'data')
mkdirSync(join(data, 'models'), { recursive: true })
const manifest = modelManifest.parse(parse(readFileSync(`${example}.yaml`, 'utf8')))
writeFileSync(modelFile(data, manifest.name), sealed(dir, readFileSync(`${example}.onnx`), manifest))
const scorer = await startScorer(dir, data, await layAddon(dir, data))
const inputs = Object.fromEntries(manifest.input.of.map((it) => [it, `window.${it}`]))
const model = { name: manifest.name, inputs, outputs: { score: 'score' }, timeoutMs: 5_000 }
const rule: RuleSettings = { name: 'odd', reads: {}, model, when: 'model.score < 0.0', yields: { class: 'alarm', on: 'each' } }
const scoring = openScoring([rule], { socket: scorerSocket(data), keys: [keyIn(dir).public], memoryBytesMax: 512_000_000 })
try {
  if (!scoring) throw new Error('nothing scores')
  const rowAt = (n: number) => ({
    mean: 60 + (n % 45),
    std: 1 + (n % 7) / 4,
    min: 58 + (n % 45),
    max: 63 + (n % 45),
    change: (n % 11) - 5,
  })
  const ask = (n: number) => {
    const scored = scoring.score(model, rowAt(n))
    if ('code' in scored) throw new Error(`${scored.code}: ${scored.text}`)
    return scored.outputs['score'] as number
  }
  const first = Array.from({ length: 1_000 }, (_, n) => ask(n))
  if (new Set(first).size < 50) throw new Error('the scores say nothing of the rows')
  const before = usedBy(scorer.pid).seconds + process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6
  const begun = performance.now()
  let count = 0
  while (performance.now() - begun < Number(options.seconds) * 1_000) ask(count++)
  const seconds = (performance.now() - begun) / 1_000
  const { seconds: used, bytes } = usedBy(scorer.pid)
  const cpu = used + process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 - before
  note(`${whole(count)} scores in ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s of processor time in all processes`)
  print(
    [
      line('P10', 'scores, one after another', '/s', count / seconds, [1_000, 'the bound']),
      line('P10', 'scores a second of processor time', '/s', count / cpu, [1_000, 'the bound']),
      line('P10', 'memory of the scorer', 'MB', (bytes[0] as number) / 1e6),
      line('P10', "memory of the model's process", 'MB', Math.max(...bytes.slice(1)) / 1e6),
    ],
    options.json === true,
  )
} finally {
  scoring?.close()
  await scorer.end()
  rmSync(dir, { recursive: true, force: true })
}
