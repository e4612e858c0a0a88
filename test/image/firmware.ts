// What a board's guide has people type at its firmware's own prompt, once: each new disk's machine has it done before its first start.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../route/until.ts'
import { qemu } from './qemu.ts'
import { BOOT_MS_MAX } from './times.ts'

const root = join(import.meta.dirname, '../..')
const REFUSED = /unknown command|error|fail|usage:/i

/** Of boards whose firmware has a prompt that is open until somebody closes it. */
export function promptOf(
  board: string,
  firmware = process.env['FIRMWARE'],
): { readonly prompt: string; readonly settings: readonly string[] } | undefined {
  const asks = '. "hardware/$0/facts.sh"; printf "%s\\n%s" "$firmware_settings" "$firmware_prompt"'
  const [file = '', prompt = ''] = execFileSync('bash', ['-c', asks, board], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, FIRMWARE: firmware },
  }).split('\n')
  return file === '' ? undefined : { prompt, settings: readFileSync(join(root, file), 'utf8').trim().split('\n') }
}

/** Nothing where the firmware has kept something already, or has no prompt. */
export async function setFirmware(board: string, folder: { name: string; path: string }): Promise<void> {
  const open = promptOf(board)
  if (!open || existsSync(join(folder.path, 'firmware.fd'))) return
  const machine = qemu(board, folder, [])
  const prompts = () => machine.serial().split(`\n${open.prompt}`).length - 1
  const isThere = (count: number) => () => {
    if (machine.isOff()) throw new Error(`the firmware went off: ${machine.serial().slice(-3000)}`)
    // Any key stops it on its way to the disk. One that comes before it has begun to speak may keep QEMU's serial line from taking any other.
    if (machine.serial() !== '' && prompts() === 0) machine.type(' ')
    return prompts() === count
  }
  try {
    await until('the prompt of the firmware', isThere(1), BOOT_MS_MAX)
    // The first ends what was typed too much.
    for (const [n, it] of ['', ...open.settings].entries()) {
      machine.type(`${it}\r`)
      await until(`the firmware takes ${it}`, isThere(n + 2), BOOT_MS_MAX)
    }
    if (REFUSED.test(machine.serial().split(open.prompt).slice(1).join(''))) throw new Error(`refused: ${machine.serial()}`)
  } finally {
    await machine.kill()
  }
}
