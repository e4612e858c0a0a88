// Whether the version that runs may stay: when the data path is well, and not when a network is merely up.
//
//   log        it can be read, what comes in is committed, and what it lies on has not become full
//   sources    each that gave readings before gives them again; one that nobody can reach from outside either is excused, one that gave
//              readings and that this version leaves out is not
//   uplinks    each that took readings before has acknowledged some since, or has nothing to take; one that does not answer is excused
//
//   agent      it answers, unless it did not before: a box whose disk is lost can be updated too
//
// What was down before is never held against the version. What is asked for excuses is asked by us, not by the agent that is tried; and as we are of
// that version too, nobody is excused where the box itself has lost its way there: a version without a network reaches nobody.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Issue, SourceReport, Status, UplinkReport } from '../core/status.ts'
import type { HealthCheck } from '../core/update.ts'
import type { Baseline, SeenPart } from './state.ts'
import { isLost, wayTo } from './way.ts'

export interface HealthParts {
  status(): Promise<Status>
  /** Rejects when the log cannot be read. */
  readLog(): Promise<void>
  /** Whether a source without an address answers on its bus. */
  answersOnBus(source: string, signal: AbortSignal): Promise<boolean>
}

export interface HealthTimes {
  /** It has so long to become well. */
  readonly withinMs: number
  /** Switches and PLCs come up too: nobody is excused before. */
  readonly graceMs: number
  /** All of it has to be well for so long. */
  readonly steadyMs: number
}

export interface Health {
  readonly isWell: boolean
  readonly checks: readonly HealthCheck[]
}

const LOOK_MS = 2_000
const CONNECT_MS_MAX = 3_000

/** Resolves once it is well, or its time is over. Without a baseline sources and uplinks count as down before. */
export async function health(
  parts: HealthParts,
  baseline: Baseline | null,
  times: HealthTimes,
  seen: (checks: readonly HealthCheck[]) => void,
  signal: AbortSignal,
): Promise<Health> {
  const begun = performance.now()
  let wellSince: number | undefined
  let checks: readonly HealthCheck[] = []
  for (;;) {
    const passed = performance.now() - begun
    checks = await look(parts, baseline, passed >= times.graceMs, signal)
    seen(checks)
    if (checks.some((it) => it.state === 'waiting')) wellSince = undefined
    else wellSince ??= performance.now()
    if (wellSince !== undefined && performance.now() - wellSince >= times.steadyMs) return { isWell: true, checks }
    if (passed >= times.withinMs) return { isWell: false, checks }
    await sleep(Math.min(LOOK_MS, times.withinMs / 10, times.steadyMs / 2 + 50), undefined, { signal })
  }
}

async function look(
  parts: HealthParts,
  baseline: Baseline | null,
  mayExcuse: boolean,
  signal: AbortSignal,
): Promise<HealthCheck[]> {
  const status = await parts.status().catch((error: Error) => error)
  if (status instanceof Error) {
    const isExcused = mayExcuse && baseline?.isAgentAway === true
    const text = isExcused ? `did not answer before either: ${status.message}` : status.message
    return [{ what: 'agent', state: isExcused ? 'excused' : 'waiting', text }]
  }
  const { sources = [], uplinks = [] } = baseline ?? {}
  const excuse = (check: HealthCheck, part: SeenPart, onBus: boolean) =>
    check.state === 'waiting' && mayExcuse ? excused(check, part, onBus ? parts : undefined, signal) : check
  return [
    await logCheck(parts, status, baseline),
    ...(await Promise.all(sources.map((it) => leftOut(it, status) ?? excuse(sourceCheck(it, status), it, true)))),
    ...(await Promise.all(uplinks.map((it) => excuse(uplinkCheck(it, status), it, false)))),
  ]
}

async function logCheck(
  parts: HealthParts,
  { log, classes, sources, issues }: Status,
  baseline: Baseline | null,
): Promise<HealthCheck> {
  const what = 'log'
  const failure = await parts.readLog().then(
    () => undefined,
    (error: Error) => error,
  )
  if (failure) return { what, state: 'waiting', text: `cannot be read: ${failure.message}` }
  const full = issues.find(isDiskFull)
  if (full && baseline && !baseline.isDiskFull) return { what, state: 'waiting', text: full.text }
  const came = sources.reduce((sum, it) => sum + it.readings, 0)
  const accepted = classes.reduce((sum, it) => sum + it.accepted, 0)
  if (came > 0 && (log.commits === 0 || accepted === 0))
    return { what, state: 'waiting', text: 'readings come and none is committed' }
  if (came > 0)
    return { what, state: 'well', text: `${log.commits} commits, the last hundred in ${log.commitMs.p99.toFixed(0)} ms at most` }
  const text = baseline?.sources.some((it) => it.isAtWork)
    ? 'nothing has come yet'
    : 'it can be read; no source gives anything, as before'
  return { what, state: 'well', text }
}

const DISK_FULL = new Set(['disk-full', 'disk-short'])
const isDiskFull = ({ code }: Issue): boolean => DISK_FULL.has(code)

/** Settings that ran under the version before and do not under this one: nothing excuses that. */
function leftOut({ name, isAtWork }: SeenPart, { issues }: Status): HealthCheck | undefined {
  const found = issues.find((it) => it.leftOut?.kind === 'source' && it.leftOut.name === name)
  if (!found) return undefined
  const what = `source ${name}`
  if (!isAtWork) return { what, state: 'excused', text: `gave nothing before either (${found.text})` }
  return { what, state: 'waiting', text: found.text }
}

function sourceCheck({ name, isAtWork }: SeenPart, status: Status): HealthCheck {
  const what = `source ${name}`
  const found = status.sources.find((it) => it.name === name)
  if (!found) return { what, state: 'excused', text: 'the settings do not have it any more' }
  if (gives(found)) return { what, state: 'well', text: `${found.readings} readings` }
  if (!isAtWork) return { what, state: 'excused', text: `gave nothing before either (${found.lastError ?? found.state})` }
  return { what, state: 'waiting', text: found.lastError ?? `${found.state}, no reading yet` }
}

function uplinkCheck({ name, isAtWork }: SeenPart, status: Status): HealthCheck {
  const what = `uplink ${name}`
  const found = status.uplinks.find((it) => it.name === name)
  if (!found) return { what, state: 'excused', text: 'the settings do not have it any more' }
  if (takes(found)) return { what, state: 'well', text: `${found.readings} readings acknowledged, ${found.lagReadings} wait` }
  if (found.wait) return { what, state: 'excused', text: `waits as it should: ${found.wait.text}` }
  if (!isAtWork) return { what, state: 'excused', text: `took nothing before either (${found.lastError ?? found.state})` }
  return { what, state: 'waiting', text: found.lastError ?? `${found.state}, nothing acknowledged yet` }
}

/** What the agent counts, it counts from its start. */
function gives({ state, readings }: SourceReport): boolean {
  return state === 'up' && readings > 0
}

function takes({ state, readings, lagReadings }: UplinkReport): boolean {
  return state === 'up' && (readings > 0 || lagReadings === 0)
}

async function excused(
  check: HealthCheck,
  { name, reach, ways }: SeenPart,
  bus: HealthParts | undefined,
  signal: AbortSignal,
): Promise<HealthCheck> {
  // A test that itself fails is no excuse: the version that is tried may be what it fails of.
  const onBus = async () => (bus ? await bus.answersOnBus(name, signal).catch(() => true) : true)
  const answers = reach.length > 0 ? await anyAnswers(reach) : await onBus()
  if (answers) return check
  const lost = await Promise.all(ways.map((it) => isLost(it)))
  if (ways.length > 0 && !lost.includes(false)) {
    const gone = [...new Set(ways.map(({ address, by }) => `to ${address} by port ${by}`))].join(', ')
    return { ...check, text: `the box has no way any more ${gone}: ${check.text}` }
  }
  const where = reach.map(({ host, port }) => `${host}:${port}`).join(', ') || 'its bus'
  return { ...check, state: 'excused', text: `${where} does not answer us either: ${check.text}` }
}

async function anyAnswers(places: SeenPart['reach']): Promise<boolean> {
  return (await Promise.all(places.map(({ host, port }) => answers(host, port)))).includes(true)
}

/** A refusal comes from somebody who is not there: only a connection counts. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS_MAX })
    const settle = (is: boolean): void => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}

/** How the data path is while the version that is known runs. `reach`: where a source or an uplink answers from outside. */
export async function baselineOf(
  status: Status,
  reach: (kind: 'source' | 'uplink', name: string) => SeenPart['reach'],
): Promise<Baseline> {
  const seen = async (kind: 'source' | 'uplink', name: string, isAtWork: boolean): Promise<SeenPart> => {
    const places = reach(kind, name)
    const ways = isAtWork ? await Promise.all(places.map(wayTo)) : []
    return { name, isAtWork, reach: places, ways: ways.filter((it) => it !== undefined) }
  }
  const [sources, uplinks] = await Promise.all([
    Promise.all(status.sources.map((it) => seen('source', it.name, gives(it)))),
    Promise.all(status.uplinks.map((it) => seen('uplink', it.name, takes(it)))),
  ])
  return { sources, uplinks, isAgentAway: false, isDiskFull: status.issues.some(isDiskFull) }
}

/** Where the agent does not answer at all: its disk is lost, and a new version is no cure for that. */
export const AGENT_AWAY: Baseline = { sources: [], uplinks: [], isAgentAway: true, isDiskFull: false }
