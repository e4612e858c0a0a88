// What a box's log says of itself, over its page.
import { expect } from 'vitest'
import type { CheckStep, LogInspection } from '../../src/core/log-files.ts'
import { isHarm } from '../../src/commands/log.ts'
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

/** How many readings, or those that aggregates stand for, its files hold. */
export async function isWhole(box: Box): Promise<number> {
  const { status, text } = await box.anna().call('log check')
  expect(status, text).toBe(200)
  const lines = text
    .split('\n')
    .filter((it) => it !== '')
    .map((it) => JSON.parse(it) as { readonly row?: CheckStep; readonly done?: true })
  // Else it was cut.
  expect(lines.at(-1)).toEqual({ done: true })
  const files = lines.flatMap(({ row }) => row?.file ?? [])
  expect(files.length).toBeGreaterThan(0)
  expect(files.flatMap((it) => it.damage).filter(isHarm)).toEqual([])
  return files.reduce((sum, it) => sum + it.readings, 0)
}
