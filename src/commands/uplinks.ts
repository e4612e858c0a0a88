import type { Command } from './command.ts'
import { DONE } from './command.ts'
import { uplinkTable } from './status-page.ts'
import { document, lines, painter } from './text.ts'
import { nowMicros } from './times.ts'
import { uplinkPage } from './uplinks-page.ts'
import { z } from 'zod'
import { operation } from './operation.ts'
import { nothing } from './shapes/common.ts'
import { uplinkView } from './shapes/status.ts'

const views = operation({
  name: 'uplinks',
  access: 'viewer',
  summary: 'the uplinks: what would be sent now, and why not; links, windows, budgets',
  input: nothing,
  output: z.array(uplinkView),
  run: async (_, { agent }) => [...(await agent.uplinks())],
})

export const uplinks: Command = {
  name: 'uplinks',
  role: 'view',
  summary: 'the uplinks: what would be sent now, and why not',
  arguments: [],
  options: {},
  operation: views,
  async run({ agent, json, out, env }) {
    const [{ uplinks: reports }, views] = await Promise.all([agent.status(), agent.uplinks()])
    if (json) {
      const both = reports.map((it) => ({ ...it, ...views.find((view) => view.name === it.name) }))
      await document({ out }, both)
      return DONE
    }
    const pages = views.flatMap((it) => ['', ...uplinkPage(it, nowMicros(), painter(out, env), out.width)])
    await lines(out, [...uplinkTable(reports, out.width), ...pages])
    return DONE
  },
}
