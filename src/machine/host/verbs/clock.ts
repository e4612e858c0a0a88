import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../../whole-file.ts'
import { keepTime } from '../kept-time.ts'
import { verb } from '../verb.ts'

/** Before it no version of this program was there. */
const MS_MIN = Date.UTC(2026, 0, 1)
const MS_MAX = Date.UTC(2100, 0, 1)

export const clockSet = verb({
  name: 'clockSet',
  input: z.strictObject({
    ms: z.number().int().min(MS_MIN, { error: 'must be a time after 2025' }).max(MS_MAX, { error: 'must be a time before 2100' }),
  }),
  isOffered: ({ programs }) => programs.has('date'),
  async run({ ms }, { programs, places }) {
    await programs.run('date', ['--utc', `--set=@${(ms / 1000).toFixed(3)}`])
    await keepTime(places.keptTime, 'asSet')
    // Many boxes have no clock of their own that could keep it.
    if (programs.has('hwclock')) await programs.run('hwclock', ['--systohc', '--utc']).catch(() => undefined)
  },
})

const serverName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$/, {
  error: 'must be a host name or an address',
})

export const clockServers = verb({
  name: 'clockServers',
  input: z.strictObject({ servers: z.array(serverName).max(8) }),
  isOffered: ({ programs }) => programs.hasSystemd && programs.has('timedatectl'),
  async run({ servers }, { programs, places }) {
    mkdirSync(places.time, { recursive: true })
    const text = `# Written by Holdfast; changes by hand are overwritten.\n[Time]\nNTP=${servers.join(' ')}\n`
    await writeWhole(join(places.time, '10-holdfast.conf'), text)
    await programs.run('systemctl', ['restart', 'systemd-timesyncd.service'])
    await programs.run('timedatectl', ['set-ntp', 'true'])
  },
})
