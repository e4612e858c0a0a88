// What a box's log says of itself, over its page.
import { expect } from 'vitest'
import type { CheckStep, LogInspection } from '../../src/core/log-files.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { BOOT_MS_MAX } from './times.ts'

/** How many numbers the log has given to readings: what it has said once it must have after a cut. */
export async function kept(box: Box): Promise<number> {
  const { streams } = await box.ask<LogInspection>('log inspect')
  return Math.max(0, ...streams.map((it) => it.next))
}

export async function goesOn(box: Box, numbers: number): Promise<void> {
  const isMore = async () => (await kept(box).catch(() => 0)) > numbers
  await until('the log has all that it had, and goes on', isMore, BOOT_MS_MAX, 2_000)
}

export async function isWhole(box: Box): Promise<void> {
  const { status, text } = await box.anna().call('log check')
  expect(status, text).toBe(200)
  const steps = text
    .split('\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it) as CheckStep)
  expect(steps.length).toBeGreaterThan(0)
  expect(steps.flatMap((it) => it.file.damage)).toEqual([])
}
