// Anything at all to a socket of verbs, as somebody who keeps to nothing sends it.
import { connect } from 'node:net'

/** Resolves with all that comes back, once the other side has closed. */
export async function sendRaw(path: string, text: string): Promise<string> {
  const socket = connect(path)
  let answer = ''
  socket.setEncoding('utf8').on('data', (part: string) => (answer += part))
  socket.on('error', () => undefined)
  socket.write(text)
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}
