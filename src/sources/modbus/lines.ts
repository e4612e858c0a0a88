// The lines of one thread. A serial device has one opener, many devices allow one connection: all sources of a thread meet here.
import { Unreachable } from '../../core/errors.ts'
import type { Line, LineKind, LineUse } from './line.ts'
import { createLine } from './line.ts'

export interface Lines {
  /** A share in a line to the same place; at most `connections` lines lead there. Fails with Unreachable where its users want it otherwise. */
  use(kind: LineKind, connections: number): LineUse
}

export function createLines(): Lines {
  const lines = new Map<string, Line[]>()
  const added = (kind: LineKind): Line => {
    const line = createLine(kind, () => {
      // Kept until it is closed: opening again before that fails.
      void line.closed.finally(() => {
        if (line.users === 0) remove(line)
      })
    })
    lines.set(kind.key, [...(lines.get(kind.key) ?? []), line])
    return line
  }
  const remove = (line: Line) => {
    const others = (lines.get(line.kind.key) ?? []).filter((it) => it !== line)
    if (others.length > 0) lines.set(line.kind.key, others)
    else lines.delete(line.kind.key)
  }
  return {
    use(kind, connections) {
      const known = lines.get(kind.key) ?? []
      const other = known.find((it) => it.users > 0 && it.kind.manner !== kind.manner)
      if (other) throw differing(kind)
      // One that is only left over from others' settings is no use; while it closes, the new one's opening waits or fails and is tried again.
      const fitting = known.filter((it) => it.kind.manner === kind.manner).toSorted((a, b) => a.users - b.users)
      const [quietest] = fitting
      if (quietest && (quietest.users === 0 || fitting.length >= connections)) return quietest.use()
      return added(kind).use()
    },
  }
}

function differing(kind: LineKind): Unreachable {
  return new Unreachable('line-settings-differ', `another source uses ${kind.where} with other settings than ${kind.manner}`, {
    remedy: 'give all sources on this line the same baud, parity and stopBits',
  })
}
