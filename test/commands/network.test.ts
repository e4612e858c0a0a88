// What `network confirm` says when the addresses are kept and the settings cannot say so now.
import { expect, test } from 'vitest'
import { networkConfirm } from '../../src/commands/network-confirm.ts'
import { openCertificates } from '../../src/access/certificate.ts'
import { BadInput } from '../../src/core/errors.ts'
import { handMadeUpdater } from '../update/hand-made-updater.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { handMadeHost } from '../machine/hand-made-host.ts'

test('nobody believes that they are not kept', async () => {
  const host = handMadeHost()
  const now = await host.networkApply({
    ports: [{ interface: 'eth0', address: '10.9.0.1/24' }],
    confirmWithinMs: 1_000,
    by: 'anna',
  })
  const waits = new BadInput([{ where: 'settings', text: 'a change waits', remedy: 'confirm it' }])
  const agent = handMadeAgent({ settingsApply: () => Promise.reject(waits) })
  const none = openCertificates('/nowhere', 'box.local')
  const confirmed = networkConfirm.operation?.run(
    {},
    {
      agent,
      host: { ...host, networkShow: async () => now },
      updater: handMadeUpdater(),
      certificates: none,
      by: 'anna',
      signal: new AbortController().signal,
    },
  )
  await expect(confirmed).rejects.toMatchObject({
    problems: [{ text: expect.stringContaining('the addresses are kept'), remedy: expect.stringMatching(/^confirm it; then /) }],
  })
})
