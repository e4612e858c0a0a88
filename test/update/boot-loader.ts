// The boot loader's own script (images/grub.cfg), its choice in the words of a shell, on a boot environment as GRUB keeps one.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const SCRIPT = join(import.meta.dirname, '../../images/grub.cfg')
/** What RAUC tells the boot loader by, and asks it. */
export const SLOT_PROGRAM = join(import.meta.dirname, '../../rootfs/usr/lib/holdfast/slot')
const ENV = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

/** As lines of NAME=VALUE. */
export function bootEnvironmentLines(file: string): string[] {
  const text = execFileSync('grub-editenv', [file, 'list'], { env: ENV, encoding: 'utf8' }).trim()
  return text === '' ? [] : text.split('\n')
}

export interface Choice {
  readonly slot: string
  /** Which attempt it is. */
  readonly attempt: string
}

/** The script up to where it notes the attempt. */
export function bootLoaderTakes(file: string): Choice {
  const script = readFileSync(SCRIPT, 'utf8')
  const [, choice = ''] = /^(set chosen=\n.*?)^eval "set \$\{chosen\}_TRY/ms.exec(script) ?? []
  const shell = choice.replaceAll(/\bset (?=[\w$])/g, '')
  const values = bootEnvironmentLines(file).map((it) => it.replace('=', "='").concat("'"))
  const said = execFileSync('bash', ['-c', `${values.join('\n')}\n${shell}\necho "$chosen $next"`], { encoding: 'utf8' })
  const [slot = '', attempt = ''] = said.trim().split(' ')
  return { slot, attempt }
}
