// A stick for as long as something is read from it or written to it: mounted by the helper, or a folder that somebody else mounted.
import { formatBytes } from '../core/units.ts'
import type { Session } from './parts.ts'

export function stickMissing({ parts, verbs }: Session): string | undefined {
  if (parts.stickFolder !== undefined || verbs.includes('stickMount')) return undefined
  return 'no helper offers a verb that mounts a stick'
}

/** Taken out only after it is let go: what is said last says so. */
export async function withStick(session: Session, write: boolean, use: (path: string) => Promise<void>): Promise<void> {
  const { terminal, parts } = session
  if (parts.stickFolder !== undefined) return use(parts.stickFolder)
  const stick = await terminal.during(() => parts.host.stickMount(write))
  await terminal.print([`stick ${stick.device}, ${formatBytes(stick.bytesFree)} free`])
  try {
    await use(stick.path)
  } finally {
    await terminal.flow(['letting the stick go ...'])
    await parts.host.stickUnmount()
    await terminal.flow(['the stick can be taken out'])
  }
}
