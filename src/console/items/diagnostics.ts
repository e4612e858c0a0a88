import { join } from 'node:path'
import type { Item } from '../parts.ts'
import { deviceName } from '../questions.ts'
import { stickMissing, withStick } from '../stick.ts'

export const diagnosticsBundle: Item = {
  number: 10,
  title: 'Diagnostics bundle to USB',
  missing: stickMissing,
  async run(session) {
    const { terminal, parts, person } = session
    const at = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
    await withStick(session, true, async (path) => {
      const file = join(path, `${await deviceName(parts)}-diagnostics-${at}.tar.gz`)
      parts.access.audit('diagnostics', person.name, {})
      const words = ['diagnostics', file, '--settings', parts.settingsFile]
      const log = parts.agentLogFile === undefined ? [] : ['--agent-log', parts.agentLogFile]
      await terminal.during((signal) => parts.run([...words, ...log], terminal.out, signal))
    })
  },
}
