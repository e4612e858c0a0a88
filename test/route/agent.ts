// The real agent as a child process, and the command line beside it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Status } from '../../src/core/status.ts'
import type { VerifyReport } from '../../src/core/verify.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { until } from './until.ts'

/** A folder with the settings and the data of one agent. */
export interface Site {
  readonly dir: string
  readonly settings: string
  readonly data: string
  /** A file of the box's own values. */
  readonly values?: string | undefined
  /** Keys whose add-on runs models. */
  readonly keyring?: string | undefined
  /** Secrets and trust, on top of our own environment. */
  readonly env: Readonly<Record<string, string>>
}

export interface Answer {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Agent extends Child {
  /** Undefined while it does not answer. */
  status(): Promise<Status | undefined>
}

export function siteIn(dir: string, settingsText: string, env: Readonly<Record<string, string>> = {}): Site {
  const settings = join(dir, 'settings.yaml')
  writeFileSync(settings, settingsText)
  return { dir, settings, data: join(dir, 'data'), env }
}

/** Resolves once the agent answers; rejects with the end of its log when it ends instead. */
export async function startAgent(site: Site): Promise<Agent> {
  const child = startChild(site.dir, 'agent', process.execPath, [cli, ...agentArgs(site)], site.env)
  const api = connectAgent(site.data)
  const status = () => api.status().catch(() => undefined)
  await until('the agent answers', async () => {
    if (!child.isRunning()) throw new Error(`the agent ended: ${lastLines(child.logFile, 5).join('\n')}`)
    return await status()
  })
  return { ...child, isRunning: child.isRunning, status }
}

export function agentArgs({ settings, data, values, keyring }: Site): string[] {
  const named = Object.entries({ values, keyring }).flatMap(([name, it]) => (it === undefined ? [] : [`--${name}`, it]))
  return ['agent', '--settings', settings, '--data', data, ...named]
}

export async function holdfast(site: Site, args: readonly string[]): Promise<Answer> {
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...site.env },
  })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...texts }
}

/** `verify` against the uplink of the site's settings. */
export async function verify(site: Site): Promise<VerifyReport & { readonly exit: number | null }> {
  const { code, out, err } = await holdfast(site, ['verify', '--settings', site.settings, '--data', site.data, '--json'])
  if (out === '') throw new Error(`verify: exit ${code}: ${err}`)
  return { exit: code, ...(JSON.parse(out) as VerifyReport) }
}

export interface Sums {
  readonly accepted: number
  readonly delivered: number
  readonly stored: number
  readonly aggregated: number
  readonly lost: number
}

/** Over all classes. */
export function sumsOf({ classes }: Status): Sums {
  const sum = (of: (it: Status['classes'][number]) => number) => classes.reduce((total, it) => total + of(it), 0)
  return {
    accepted: sum((it) => it.accepted),
    delivered: sum((it) => it.delivered),
    stored: sum((it) => it.stored),
    aggregated: sum((it) => it.aggregated),
    lost: sum((it) => Object.values(it.lost).reduce((total, count) => total + count, 0)),
  }
}

/** Until all that was accepted has gone out, in two answers in a row. */
export async function drained(agent: Agent, msMax = 90_000): Promise<Status> {
  let before = -1
  return until(
    'all is delivered',
    async () => {
      const status = await agent.status()
      if (!status) return undefined
      const { accepted, stored } = sumsOf(status)
      const isQuiet = stored === 0 && accepted === before
      before = stored === 0 ? accepted : -1
      return isQuiet && status
    },
    msMax,
    500,
  )
}
