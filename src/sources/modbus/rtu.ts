// Modbus RTU: a device is a unit on a line.
import type { LineSettings, Lines } from './line.ts'
import type { Transport } from './link.ts'
import { bytesExpected } from './link.ts'
import { FUNCTION_CODES, isBitKind } from './registers.ts'

const RETRY_MS_MIN = 500

export interface RtuTarget {
  readonly line: LineSettings
  readonly unit: number
  readonly timeoutMs: number
}

export function rtuTransport(target: RtuTarget, lines: Lines): Transport {
  const { line, unit, timeoutMs } = target
  return {
    async connect() {
      const use = await lines.use(line)
      return {
        get isOpen() {
          return use.isOpen
        },
        read: (kind, from, count) =>
          use.ask({ unit, code: FUNCTION_CODES[kind], from, count, dataBytes: bytesExpected(isBitKind(kind), count), timeoutMs }),
        close: use.release,
      }
    },
    // Noise is a serial line's daily bread. Silence is not repeated: an answer that is only late would be taken for the next one.
    repeatable: ['bad-frame'],
    // With the jitter of at most one half, a late answer has once more the time-out to arrive and be thrown away.
    retryMsMin: Math.max(RETRY_MS_MIN, timeoutMs * 2),
    details: { path: line.path, baud: line.baud, parity: line.parity, stopBits: line.stopBits, unit },
  }
}
