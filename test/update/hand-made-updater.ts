// The updater's side as plain data: what the contract says and nothing behind it.
import type { UpdateApi, UpdateStatus } from '../../src/core/update.ts'

const NOW: UpdateStatus = {
  version: '1.4.2',
  slots: [
    { name: 'A', isBooted: true, isNext: true, isGood: true, version: '1.4.2' },
    { name: 'B', isBooted: false, isNext: false, isGood: true, version: '1.4.1' },
  ],
  job: null,
  checks: [{ what: 'log', state: 'well', text: '12 commits' }],
  last: { outcome: 'good', version: '1.4.2', text: 'the data path is well', at: 1_795_000_000_000_000 },
  server: { url: 'https://updates.example.com', lastContact: null, nextPoll: null, lastError: null, asks: null },
  minimum: { generation: 1, version: '1.4.2' },
}

export function handMadeUpdater(change: Partial<UpdateStatus> = {}): UpdateApi {
  const answer = async () => ({ ...NOW, ...change })
  return {
    status: answer,
    check: answer,
    take: async (offset, base64) => ({ bytes: offset + Buffer.from(base64, 'base64').length }),
    install: answer,
    confirm: answer,
    cancel: answer,
    rollBack: answer,
  }
}
