import { readFileSync } from 'node:fs'

/** Of the image: laid at each start by what is root there (`tell-hardware`), for nobody else may read the board's own numbers. */
const MARK = '/run/holdfast/hardware'

/** Tells this machine from another that has a copy of its disk; '' where nobody says. */
export function hardwareMark(): string {
  try {
    return readFileSync(MARK, 'utf8').trim()
  } catch {
    return ''
  }
}
