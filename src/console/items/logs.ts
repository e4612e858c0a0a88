import type { Item } from '../parts.ts'

export const liveLogs: Item = {
  number: 9,
  title: 'Live logs',
  async run({ terminal, parts }) {
    await terminal.print(["The agent's own log. Any key ends it.", ''])
    await terminal.during(async (signal) => {
      for await (const line of parts.box.agentLog(signal)) await terminal.flow([line])
    }, 'any-key')
  },
}
