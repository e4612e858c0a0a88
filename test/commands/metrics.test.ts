// The page for Prometheus: read by a parser of its own, and true to the status.
import { expect, test } from 'vitest'
import { metricsText } from '../../src/commands/metrics.ts'
import { handMadeAgent, statusNow } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** As the text format says: HELP and TYPE once before their samples, names and labels of their letters, a number at the end. */
function read(text: string): Sample[] {
  expect(text.endsWith('\n')).toBe(true)
  let family = ''
  const seen = new Set<string>()
  return text
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const head = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
      if (head) {
        const [, kind, name = '', rest = ''] = head
        if (kind === 'HELP') expect(seen.has(name), name).toBe(false)
        else expect(['gauge', 'counter']).toContain(rest)
        seen.add(name)
        family = name
        return []
      }
      const [, name = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (-?[0-9.e+-]+)$/.exec(line) ?? []
      expect(name, line).toBe(family)
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)]
      expect(pairs.map((it) => it[0]).join('')).toBe(labels)
      const said = pairs.map(([, key, text = '']) => [key, text.replace(/\\(.)/g, (_, it: string) => (it === 'n' ? '\n' : it))])
      return [{ name, labels: Object.fromEntries(said), value: Number(value) }]
    })
}

const uplinks = await handMadeAgent().uplinks()
const samples = read(metricsText(statusNow(), uplinks))
const value = (name: string, labels: object = {}) => {
  const fits = (it: Sample) => Object.entries(labels).every(([key, text]) => it.labels[key] === text)
  return samples.filter((it) => it.name === `holdfast_${name}` && fits(it)).map((it) => it.value)
}

test('what it says is what the status says', () => {
  expect(value('readings_accepted_total', { class: 'process' })).toEqual([1_234_567])
  expect(value('readings', { class: 'process', state: 'stored' })).toEqual([2_345])
  expect(value('readings_lost', { class: 'process' }).toSorted()).toEqual([5, 7])
  expect(value('source_state', { source: 'line-1', state: 'down' })).toEqual([1])
  expect(value('source_state', { source: 'line-1' }).reduce((a, b) => a + b)).toBe(1)
  expect(value('uplink_lag_readings', { uplink: 'cloud' })).toEqual([2_345])
  expect(value('issues', { severity: 'warning' })).toEqual([1])
  expect(value('notifier_messages_total', { notifier: 'shift' })).toEqual([17])
  expect(value('notifier_up', { notifier: 'shift' })).toEqual([0])
  expect(value('temperature_celsius')).toEqual([48.4])
})

test('in a class accepted adds up from what became of its readings', () => {
  for (const name of ['alarm', 'process']) {
    const became = [...value('readings', { class: name }), ...value('readings_lost', { class: name })]
    expect(became.reduce((a, b) => a + b)).toBe(value('readings_accepted_total', { class: name })[0])
  }
})

test('names with quotes, backslashes and line ends make no other sample', () => {
  const [source] = statusNow().sources
  const name = 'a"} 1\nholdfast_evil 1\\'
  const odd = read(metricsText(statusNow({ sources: [{ ...source, name } as typeof source & object] }), []))
  expect(odd.filter((it) => it.labels.source === name).length).toBeGreaterThan(3)
  expect(odd.some((it) => it.name === 'holdfast_evil')).toBe(false)
})

test('what is not known is left out', () => {
  const { host } = statusNow()
  expect(metricsText(statusNow({ host: { ...host, temperature: null } }), [])).not.toContain('temperature')
})

test('the command prints the page', async () => {
  const { status, out } = await runHere('metrics')
  expect(status).toBe(0)
  expect(read(out).length).toBeGreaterThan(40)
})
