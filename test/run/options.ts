// What the programs of this folder take: --for SECONDS, --fresh, --ports FIRST.
import { parseArgs } from 'node:util'

export interface Options {
  readonly seconds: number | undefined
  readonly fresh: boolean
  /** The first of ten loopback ports. */
  readonly ports: number
}

const PORTS_DEFAULT = 29_600
const PORT_MAX = 65_525

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: { for: { type: 'string' }, fresh: { type: 'boolean', default: false }, ports: { type: 'string' } },
  })
  return {
    seconds: values.for === undefined ? undefined : numberOf('FOR', values.for, 1, 86_400),
    fresh: values.fresh,
    ports: values.ports === undefined ? PORTS_DEFAULT : numberOf('PORTS', values.ports, 1024, PORT_MAX),
  }
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < min || number > max) {
    console.error(`${name}=${text}: must be a whole number from ${min} to ${max}`)
    process.exit(2)
  }
  return number
}
