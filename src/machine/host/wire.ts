// Where the helper of root listens: DIR/run/host.sock.
import { join } from 'node:path'

export function hostSocket(dir: string): string {
  return join(dir, 'run', 'host.sock')
}
