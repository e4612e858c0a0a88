// What the links have in common: a share in a line, taken when it is first needed.
import { Unreachable } from '../../core/errors.ts'
import type { Request } from './channel.ts'
import type { LineUse } from './line.ts'
import { stopped } from './line.ts'
import { bytesExpected } from './link.ts'
import type { RegisterKind } from './registers.ts'
import { FUNCTION_CODES, isBitKind } from './registers.ts'

export interface Share {
  on<T>(run: (use: LineUse) => Promise<T>): Promise<T>
  close(): void
}

export function createShare(take: () => Promise<LineUse>): Share {
  let isClosed = false
  let taking: Promise<LineUse> | undefined
  const leave = () => {
    taking?.then(
      (it) => it.release(),
      () => {},
    )
    taking = undefined
  }
  return {
    async on(run) {
      if (isClosed) throw stopped()
      taking ??= take()
      const mine = taking
      try {
        return await run(await mine)
      } catch (error) {
        // An adapter that was put back may be another device now: what could not be opened is looked for again.
        const isThere = error instanceof Unreachable && (error.code === 'timeout' || error.code === 'bad-frame')
        if (!isThere && taking === mine) leave()
        throw error
      }
    },
    close() {
      isClosed = true
      leave()
    },
  }
}

export function readRequest(unit: number, kind: RegisterKind, from: number, count: number, timeoutMs: number): Request {
  return { unit, code: FUNCTION_CODES[kind], from, count, dataBytes: bytesExpected(isBitKind(kind), count), timeoutMs }
}
