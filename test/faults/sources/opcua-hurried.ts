import { opcuaWith } from '../../../src/sources/opcua/source.ts'
import { TIMING } from '../../../src/sources/opcua/timing.ts'

const hurried = opcuaWith({
  ...TIMING,
  silenceMarginMs: 1_000,
  watchEveryMs: 100,
  settleMs: 500,
  backoffMsMin: 50,
  backoffMsMax: 500,
  connectMsMax: 15_000,
  disconnectMsMax: 500,
  pingMs: 2_000,
})

export const protocols = { opcua: { worker: 'opcua', load: async () => hurried } }
