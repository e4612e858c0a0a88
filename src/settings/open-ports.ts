// TCP ports that the settings open on a port of the box: the same words where the file is read and where root takes them.
import { z } from 'zod'
import { OPEN_PORT_MIN, OPEN_PORTS_MAX } from '../core/bounds.ts'

const PORT_MAX = 65_535
const OPEN_ALLOWED = `must be TCP ports from ${OPEN_PORT_MIN} to ${PORT_MAX}, at most ${OPEN_PORTS_MAX}, each once, as [8460]`

/** Below are ports of the system and of the page. */
export const openPorts = z
  .array(z.int({ error: OPEN_ALLOWED }).min(OPEN_PORT_MIN, { error: OPEN_ALLOWED }).max(PORT_MAX, { error: OPEN_ALLOWED }))
  .max(OPEN_PORTS_MAX, { error: OPEN_ALLOWED })
  .refine((it) => new Set(it).size === it.length, { error: OPEN_ALLOWED })
