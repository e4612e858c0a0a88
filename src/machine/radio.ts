// Wi-Fi and modems, where there are any: what they are connected to and how well, as the kernel and ModemManager say it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RadioNow } from '../core/host.ts'

const SYSFS = '/sys/class/net'
const WIRELESS = '/proc/net/wireless'
/** The kernel's own scale of link quality. */
const QUALITY_MAX = 70

/** By interface. */
export function wifiNow(names: readonly string[], sysfs = SYSFS, file = WIRELESS): Map<string, RadioNow> {
  const rows = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(2) : []
  const qualities = new Map(
    rows.flatMap((it) => {
      const found = /^\s*(\S+):\s+\S+\s+(\d+)/.exec(it)
      return found ? [[found[1] as string, Number(found[2])] as const] : []
    }),
  )
  return new Map(
    names
      .filter((it) => existsSync(join(sysfs, it, 'wireless')))
      .map((name) => {
        const quality = qualities.get(name)
        const signal = quality === undefined ? null : Math.min(1, quality / QUALITY_MAX)
        return [name, { kind: 'wifi', state: null, network: null, signal }]
      }),
  )
}

interface Modem {
  readonly modem?: {
    readonly '3gpp'?: { readonly 'operator-name'?: string }
    readonly generic?: {
      readonly state?: string
      readonly ports?: readonly string[]
      readonly 'signal-quality'?: { readonly value?: string }
    }
  }
}

interface Runs {
  has(name: string): boolean
  run(name: string, args: readonly string[]): Promise<string>
}

/** By interface; none where no ModemManager answers. */
export async function modemsNow(programs: Runs): Promise<Map<string, RadioNow>> {
  if (!programs.has('mmcli')) return new Map()
  try {
    const list = JSON.parse(await programs.run('mmcli', ['--timeout=2', '-L', '-J'])) as {
      readonly 'modem-list'?: readonly string[]
    }
    const all = await Promise.all((list['modem-list'] ?? []).map((it) => programs.run('mmcli', ['--timeout=2', '-m', it, '-J'])))
    return new Map(all.flatMap((it) => radiosOf(JSON.parse(it) as Modem)))
  } catch {
    // It starts, or it is gone: addresses are shown all the same.
    return new Map()
  }
}

function radiosOf({ modem = {} }: Modem): [string, RadioNow][] {
  const { generic = {} } = modem
  const network = known(modem['3gpp']?.['operator-name'])
  const percent = known(generic['signal-quality']?.value)
  const radio: RadioNow = {
    kind: 'modem',
    state: known(generic.state),
    network,
    signal: percent === null ? null : Number(percent) / 100,
  }
  return (generic.ports ?? []).flatMap((it) => {
    const name = /^(\S+) \(net\)$/.exec(it)?.[1]
    return name === undefined ? [] : [[name, radio] as [string, RadioNow]]
  })
}

/** It says `--` of what it does not know. */
const known = (text: string | undefined): string | null => (text === undefined || text === '--' || text === '' ? null : text)
