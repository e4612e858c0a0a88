// Rules for a value that leaves what it usually is, beside detectors that others wrote, on labelled recordings: failures found, false alarms, lag, CPU.
//
//   make score DATA=FOLDER      FOLDER has nab-machine-temperature and skab-water-loop
//
// All are treated alike. Of each recording the first part (8 %; of SKAB's 400 rows) is not scored: on its first two thirds detectors may be fitted. Each gives
// every row a score out of that row and those before it; `scoring.ts` makes alarms of scores. Three thresholds, none of them chosen by hand:
//
//   unlabelled   the greatest score in the last third of the first part
//   elsewhere    the best one on other recordings: machine by ambient, ambient by machine, SKAB's valve2 and other by valve1
//   at best      with a knowledge that nobody has: as many failures as the detector can find at all, with the fewest false alarms
//
// At the threshold from elsewhere our alarms are those of the engine itself, and it ends as a failure where they are others than the scores say.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDice } from '../../faults/dice.ts'
import type { Figure } from './ours.ts'
import { engineAlarms, NAB_FIGURES, scoresOf, SKAB_FIGURES } from './ours.ts'
import type { Recording } from './recordings.ts'
import { nab, skab } from './recordings.ts'
import type { Detected, Outcome, Scores } from './scoring.ts'
import { alarmsOf, bestWorth, findsMost, outcomeUnlabelled, withThreshold } from './scoring.ts'

interface Contest {
  readonly name: string
  readonly scored: readonly Recording[]
  /** On which the threshold is chosen. */
  readonly elsewhere: readonly Recording[]
  readonly figures: readonly Figure[]
}

interface Entrant {
  readonly name: string
  readonly figure?: Figure
  readonly scores: (it: Recording) => Scores
  readonly cpu: (it: Recording, threshold: number) => number
}

const [folder = '', python = ''] = process.argv.slice(2)
const machineAndAmbient = nab(join(folder, 'nab-machine-temperature'))
const [valve1, others] = [['valve1'], ['valve2', 'other']].map((it) => skab(join(folder, 'skab-water-loop'), it)) as [
  Recording[],
  Recording[],
]
const all = [...machineAndAmbient, ...valve1, ...others]

/** By detector, by recording. */
type Theirs = Readonly<Record<string, Readonly<Record<string, { series: number[][]; cpu: number }>>>>

function theirs(): Theirs {
  const dir = mkdtempSync(join(tmpdir(), 'hf-score-'))
  try {
    const [source, target] = [join(dir, 'recordings.json'), join(dir, 'scores.json')]
    writeFileSync(source, JSON.stringify(all))
    const script = join(import.meta.dirname, 'detectors.py')
    const { status } = spawnSync(python, [script, source, target], { stdio: ['ignore', 'inherit', 'inherit'] })
    if (status !== 0) throw new Error(`the other detectors ended with ${status}`)
    return JSON.parse(readFileSync(target, 'utf8')) as Theirs
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const CPU_OF_NOBODY = 0
const cpuS = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

/** The engine tells what the scores say, or this is no figure of ours. */
function engineCpu(figure: Figure, threshold: number, it: Recording): number {
  const begun = process.cpuUsage()
  const told = engineAlarms(figure, threshold, it).toSorted((a, b) => a - b)
  const cpu = cpuS(begun)
  const scores = scoresOf(figure, it)
  const said = alarmsOf(
    { recording: it, scores },
    scores.map(() => threshold),
  ).toSorted((a, b) => a - b)
  if (JSON.stringify(told) !== JSON.stringify(said))
    throw new Error(`${figure.name} on ${it.name}: the engine tells ${told.length} alarms, the scores say ${said.length}`)
  return cpu
}

const ours = (figure: Figure): Entrant => ({
  name: `rule: ${figure.name}`,
  figure,
  scores: (it) => scoresOf(figure, it),
  cpu: (it, threshold) => engineCpu(figure, threshold, it),
})

/** Rows are as unusual as they are far from the first part's mean. */
const fixedLimit: Entrant = {
  name: 'fixed limit about the mean',
  scores: ({ columns, fit }) =>
    columns.map((column) => {
      const part = column.slice(0, fit)
      const mean = part.reduce((sum, it) => sum + it, 0) / fit
      const std = Math.sqrt(part.reduce((sum, it) => sum + (it - mean) ** 2, 0) / fit) || 1
      return column.map((it) => Math.abs(it - mean) / std)
    }),
  cpu: () => CPU_OF_NOBODY,
}

/** Alarms that know nothing of the readings: what a figure must be better than. */
const chance: Entrant = {
  name: 'chance',
  scores: ({ times }) => {
    const dice = createDice(1)
    return [times.map(() => dice.below(1e9))]
  },
  cpu: () => CPU_OF_NOBODY,
}

const said = (it: Outcome) => `${it.found}/${it.failures} ${String(it.falseAlarms).padStart(4)}`

function lagOf({ lags }: Outcome): string {
  const median = lags.toSorted((a, b) => a - b)[Math.floor(lags.length / 2)]
  if (median === undefined) return '—'
  return median > 7_200 ? `${(median / 3_600).toFixed(0)} h` : `${median.toFixed(0)} s`
}

function row(entrant: Entrant, { scored, elsewhere }: Contest): string {
  const detected = (recordings: readonly Recording[]): Detected[] =>
    recordings.map((recording) => ({ recording, scores: entrant.scores(recording) }))
  const [here, there] = [detected(scored), detected(elsewhere)]
  const { threshold } = bestWorth(there)
  const taken = withThreshold(here, threshold)
  const most = findsMost(here)
  const cpu = scored.reduce((sum, it) => sum + entrant.cpu(it, threshold), 0)
  const cells = [
    said(outcomeUnlabelled(here)),
    said(taken),
    lagOf(taken),
    threshold.toPrecision(3),
    said(most.outcome),
    cpu.toFixed(1),
  ]
  return `| ${entrant.name} | ${cells.join(' | ')} |`
}

const failingRows = ({ times, first, failures }: Recording) =>
  times.slice(first).filter((it) => failures.some(([from, to]) => it >= from && it <= to)).length

const found = theirs()
const theirEntrants = Object.entries(found).map(
  ([name, byRecording]): Entrant => ({
    name,
    scores: (it) => byRecording[it.name]?.series as Scores,
    cpu: (it) => byRecording[it.name]?.cpu ?? CPU_OF_NOBODY,
  }),
)
const [ambient, machine] = ['ambient', 'machine'].map((name) => machineAndAmbient.find((it) => it.name === name)) as [
  Recording,
  Recording,
]
const contests: readonly Contest[] = [
  { name: `NAB ${machine.name}`, scored: [machine], elsewhere: [ambient], figures: NAB_FIGURES },
  { name: `NAB ${ambient.name}`, scored: [ambient], elsewhere: [machine], figures: NAB_FIGURES },
  { name: 'SKAB valve2 and other', scored: others, elsewhere: valve1, figures: SKAB_FIGURES },
]
for (const it of contests) {
  const rows = it.scored.reduce((sum, one) => sum + one.times.length - one.first, 0)
  const failing = it.scored.reduce((sum, one) => sum + failingRows(one), 0)
  const share = Math.round((failing / rows) * 100)
  console.log(`\n${it.name}: ${it.scored.length} recordings, ${rows} scored rows, ${share} % of them in failures`)
  console.log('Found/failures and false alarms\n')
  console.log('| detector | unlabelled | elsewhere | its lag | threshold | at best | CPU s |')
  console.log('|---|---|---|---|---|---|---|')
  for (const entrant of [...it.figures.map(ours), ...theirEntrants, fixedLimit, chance]) console.log(row(entrant, it))
}
