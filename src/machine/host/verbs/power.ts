import { z } from 'zod'
import { HOST_SERVICES } from '../../../core/host.ts'
import { verb } from '../verb.ts'

export const serviceRestart = verb({
  name: 'serviceRestart',
  input: z.strictObject({ name: z.enum(HOST_SERVICES) }),
  isOffered: ({ programs }) => programs.hasSystemd,
  run: ({ name }, { programs }) => programs.run('systemctl', ['restart', `holdfast-${name}.service`]),
})

export const reboot = verb({
  name: 'reboot',
  input: z.strictObject({}),
  isOffered: ({ programs }) => programs.hasSystemd,
  run: (_, { programs }) => programs.run('systemctl', ['reboot']),
})

export const powerOff = verb({
  name: 'powerOff',
  input: z.strictObject({}),
  isOffered: ({ programs }) => programs.hasSystemd,
  run: (_, { programs }) => programs.run('systemctl', ['poweroff']),
})
