import { readFileSync } from 'node:fs'

/** Of this boot of the machine (Linux). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
