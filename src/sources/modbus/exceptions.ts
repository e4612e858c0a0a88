// What a device's refusal means, for people.

interface Explained {
  readonly text: string
  readonly remedy: string
}

const EXPLAINED: Readonly<Record<number, Explained>> = {
  1: {
    text: 'illegal function',
    remedy: 'the device has no registers of this kind: see its manual (holding or input, coil or discrete)',
  },
  2: { text: 'illegal address', remedy: 'compare the addresses with the manual: they count from 0 here, 40001 is holding:0' },
  3: { text: 'illegal value', remedy: 'the device may not give so many registers at once: set blockMax lower' },
  4: { text: 'device failure', remedy: 'the device reports a fault of its own: look at it' },
  5: { text: 'acknowledged, answer later', remedy: 'read less often (every)' },
  6: { text: 'device busy', remedy: 'read less often (every), or let fewer clients ask the device' },
  8: { text: 'memory parity error', remedy: 'the memory of the device is damaged: look at it' },
  10: { text: 'gateway has no path', remedy: 'check the routing of the Modbus gateway and the unit' },
  11: {
    text: 'device behind the gateway does not answer',
    remedy: 'check the unit, and power and wiring of the device behind the gateway',
  },
}

export function explainException(code: number): Explained {
  return EXPLAINED[code] ?? { text: 'unknown exception', remedy: "see the device's manual" }
}

/** The device itself is out of reach although somebody answered: as good as no answer. */
export function isGatewayException(code: number): boolean {
  return code === 10 || code === 11
}

/** A smaller read may succeed: an address that is not there, or more at once than the device gives. */
export function isAddressException(code: number): boolean {
  return code === 2 || code === 3
}
