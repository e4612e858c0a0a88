// The terminal while the screen is on: an alternate buffer, no cursor, keys one by one; all put back at the end.
import type { View } from './screen.ts'
import { screen } from './screen.ts'

const ENTER = '\u001B[?1049h\u001B[?25l'
const LEAVE = '\u001B[?25h\u001B[?1049l'
const HOME = '\u001B[H'
const REST_OF_LINE = '\u001B[K'
const REST_OF_SCREEN = '\u001B[J'

export interface Terminal {
  draw(view: View): void
  close(): void
}

/** `press` hears each key; Ctrl-C is one of them. */
export function openTerminal(press: (key: string) => void): Terminal {
  const { stdin, stdout } = process
  let last: View | undefined
  const draw = (view: View): void => {
    last = view
    const lines = screen(view, stdout.columns, stdout.rows)
    // No line break after the last line: it would scroll the first one away.
    stdout.write(HOME + lines.map((it) => it + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN)
  }
  const redraw = () => {
    if (last) draw(last)
  }
  const hear = (data: Buffer) => {
    for (const key of data.toString('utf8')) press(key.toLowerCase())
  }
  const leave = () => stdout.write(LEAVE)
  stdin.setRawMode(true)
  stdin.on('data', hear)
  stdin.resume()
  stdout.on('resize', redraw)
  stdout.write(ENTER)
  // A bug must not leave the person with a dead terminal.
  process.once('exit', leave)
  return {
    draw,
    close: () => {
      process.off('exit', leave)
      stdout.off('resize', redraw)
      stdin.off('data', hear)
      stdin.setRawMode(false)
      stdin.pause()
      leave()
    },
  }
}
