import type { Command } from './command.ts'

export const plant: Command = {
  name: 'plant',
  role: 'local',
  summary: 'a simulated plant to try things on: OPC UA, Modbus, MQTT',
  arguments: [],
  options: {},
  raw: true,
  run: ({ args, parts, signal }) => parts.plant(args, signal),
}
