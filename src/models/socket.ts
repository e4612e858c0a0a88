import { join } from 'node:path'

/** Where the scorer is asked (wire.ts). */
export const scorerSocket = (dir: string) => join(dir, 'run/models/scorer.sock')
