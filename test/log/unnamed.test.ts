// A journal made anew without its positions: nobody can tell what was delivered from what is gone until the uplinks have said it.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { counterSource, openTestLog, T0, tempDir } from './helpers.ts'

const UPLINKS = ['kafka', 'other']

test('what is neither here nor told is unaccounted, and named once every uplink has told its position', async () => {
  const temp = tempDir()
  const options = { uplinks: UPLINKS, delivery: { process: 'any-uplink' as const }, keepDeliveredMs: 0 }
  try {
    let log = openTestLog(temp.dir, options)
    const source = counterSource()
    for (let n = 0; n < 3; n++) {
      log.append(source.batch(10))
      log.clock.tick(2_000)
    }
    const [stream] = Object.keys(log.keeper.heads()).filter((it) => it.endsWith(':raw')) as [string]
    const position = { transaction: 1, delivered: new Map([[stream, [{ from: 0, to: 10 }]]]) }
    const ranges = [{ stream, from: 0, to: 10 }]
    log.writer.restart('kafka', 'none')
    log.writer.offer('kafka', ranges, {})
    log.writer.commit('kafka', ranges, 1, [])
    log.clock.tick(2_000)
    const process = () => log.writer.figures().classes.find((it) => it.name === 'process')
    expect(process()).toMatchObject({ accepted: 30, delivered: 10, stored: 20, lost: {} })
    log.close()

    const db = new Database(join(temp.dir, 'journal.db'))
    db.exec('DELETE FROM position; DELETE FROM intent; DELETE FROM block WHERE first = 20')
    db.close()
    const { faults } = await recoverLog({
      dir: temp.dir,
      device: 'box-1',
      bytesMax: 64_000_000,
      bootId: 'boot-2',
      now: T0,
      ...options,
    })
    expect(faults.length).toBeGreaterThan(0)

    log = openTestLog(temp.dir, { ...options, bootId: 'boot-2' })
    expect(process()).toMatchObject({ accepted: 30, delivered: 0, stored: 10, lost: { unaccounted: 20 } })
    log.writer.restart('kafka', position)
    expect(process()).toMatchObject({ accepted: 30, delivered: 10, stored: 10, lost: { unaccounted: 10 } })
    log.close()
    // Who has told it before does so again: nothing is counted twice.
    log = openTestLog(temp.dir, { ...options, bootId: 'boot-2' })
    log.writer.restart('other', { transaction: 0, delivered: new Map() })
    expect(process()).toMatchObject({ lost: { unaccounted: 10 } })
    log.writer.restart('kafka', position)
    expect(process()).toMatchObject({ accepted: 30, delivered: 10, stored: 10, lost: { damaged: 10 } })
    log.close()
    const look = new Database(join(temp.dir, 'journal.db'), { readonly: true })
    expect(look.prepare('SELECT first, "end", action FROM ledger').all()).toEqual([{ first: 20, end: 30, action: 'damaged' }])
    look.close()
  } finally {
    temp.remove()
  }
})

const BOTH_GONE = 'DELETE FROM position; DELETE FROM intent;'

test.each([
  ['nothing of the stream is left', `${BOTH_GONE} DELETE FROM block`, false, 20],
  ['the journal is made anew once more before they have told it', `${BOTH_GONE} DELETE FROM block WHERE first = 20`, true, 10],
])('what is lost is named and not taken for delivered where %s', async (_, harm, isTwice, damaged) => {
  const temp = tempDir()
  const options = { uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
  const damage = (sql: string) => {
    const db = new Database(join(temp.dir, 'journal.db'))
    db.exec(sql)
    db.close()
  }
  const recover = (bootId: string) =>
    recoverLog({ dir: temp.dir, device: 'box-1', bytesMax: 64_000_000, bootId, now: T0, ...options })
  try {
    let log = openTestLog(temp.dir, options)
    const source = counterSource()
    for (let n = 0; n < 3; n++) {
      log.append(source.batch(10))
      log.clock.tick(2_000)
    }
    const [stream] = Object.keys(log.keeper.heads()).filter((it) => it.endsWith(':raw')) as [string]
    const ranges = [{ stream, from: 0, to: 10 }]
    log.writer.restart('kafka', 'none')
    log.writer.offer('kafka', ranges, {})
    log.writer.commit('kafka', ranges, 1, [])
    log.clock.tick(2_000)
    log.close()
    damage(harm)
    expect((await recover('boot-2')).faults).not.toEqual([])
    if (isTwice) {
      openTestLog(temp.dir, { ...options, bootId: 'boot-2' }).close()
      damage("DELETE FROM guard WHERE name = 'offline'")
      expect((await recover('boot-2')).faults).not.toEqual([])
    }
    log = openTestLog(temp.dir, { ...options, bootId: 'boot-2' })
    log.writer.restart('kafka', { transaction: 1, delivered: new Map([[stream, [{ from: 0, to: 10 }]]]) })
    const process = log.writer.figures().classes.find((it) => it.name === 'process')
    expect(process).toMatchObject({ accepted: 30, delivered: 10, stored: 20 - damaged, lost: { damaged } })
    log.close()
  } finally {
    temp.remove()
  }
})

test('a reading that was refused, whose line is lost with the journal, counts for none that is delivered', async () => {
  const temp = tempDir()
  const options = { uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
  try {
    let log = openTestLog(temp.dir, options)
    const builder = new BatchBuilder(newOrigin(0))
    const series = builder.series({ tag: 't', class: 'process', kind: 'double' })
    for (let n = 0; n < 3; n++) {
      for (let i = 0; i < 10; i++) builder.add(series, T0 + n, i)
      if (n === 0) builder.refuse('process', 'unreadable', T0, 5)
      log.append(builder.take(T0 + n))
      log.clock.tick(2_000)
    }
    const [stream] = Object.keys(log.keeper.heads()).filter((it) => it.endsWith(':raw')) as [string]
    const had = { from: 0, to: 15 }
    log.writer.restart('kafka', 'none')
    log.writer.offer('kafka', [{ stream, ...had }], {})
    log.writer.commit('kafka', [{ stream, ...had }], 1, [])
    log.clock.tick(2_000)
    const process = () => log.writer.figures().classes.find((it) => it.name === 'process')
    const before = { accepted: 35, delivered: 10, lost: { unreadable: 5 } }
    expect(process()).toMatchObject({ ...before, stored: 20 })
    log.close()
    const db = new Database(join(temp.dir, 'journal.db'))
    db.exec(`${BOTH_GONE} DELETE FROM block WHERE first = 25; DELETE FROM ledger`)
    db.close()
    await recoverLog({ dir: temp.dir, device: 'box-1', bytesMax: 64_000_000, bootId: 'boot-2', now: T0, ...options })
    log = openTestLog(temp.dir, { ...options, bootId: 'boot-2' })
    log.writer.restart('kafka', { transaction: 1, delivered: new Map([[stream, [had]]]) })
    expect(process()).toMatchObject({ accepted: 35, delivered: 10, stored: 10, lost: { unreadable: 5, damaged: 10 } })
    log.close()
  } finally {
    temp.remove()
  }
})
