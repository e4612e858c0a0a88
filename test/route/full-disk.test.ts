// The log's partition, filled by others while the agent was away: it comes up by what it had set aside, and says what to do; without even that, it says
// so where it ends.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { dropBallast } from '../../src/log/space.ts'
import { mayMount, mountPartition } from '../faults/partition.ts'
import { agentArgs, holdfast, siteIn, startAgent } from './agent.ts'

const SETTINGS = `version: 1
device: { id: hf-full-disk }
log: { bytesMax: 32MB }
classes: [{ name: process }]
sources: []
uplinks: []
`

test.runIf(mayMount())('an agent begins on a disk that others have filled', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-full-disk-'))
  const partition = mountPartition(dir, 96_000_000, 'ext4')
  onTestFinished(() => {
    partition.unmount()
    rmSync(dir, { recursive: true, force: true })
  })
  const site = siteIn(dir, SETTINGS)
  mkdirSync(site.data)
  symlinkSync(partition.dir, join(site.data, 'log'))
  await (await startAgent(site)).end()

  partition.fill()
  const agent = await startAgent(site)
  const issues = (await agent.status())?.issues ?? []
  await agent.end()
  expect(issues.map((it) => [it.code, it.severity])).toEqual([['disk-short', 'problem']])
  expect(issues[0]?.remedy).toContain('Delete what other programs have left there')

  dropBallast(partition.dir)
  partition.fill()
  const { code, err } = await holdfast(site, agentArgs(site))
  expect(code).toBe(1)
  expect(err).toContain('the disk that the log lies on is full')
  expect(err).toContain('delete what other programs have left there')
})
