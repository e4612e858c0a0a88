// A serial port as a channel.
import { readdir, readFile, realpath } from 'node:fs/promises'
import { SerialPort } from 'serialport'
import { Unreachable } from '../../core/errors.ts'
import type { Channel, Ear } from './channel.ts'

export interface SerialSettings {
  readonly path: string
  readonly baud: number
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

/** How long one character is on the wire. */
export function charMs({ baud, parity, stopBits }: SerialSettings): number {
  return ((1 + 8 + (parity === 'none' ? 0 : 1) + stopBits) * 1_000) / baud
}

/** Where the path leads to: one device may have several names. */
export function devicePath(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

/** Fails with Unreachable. `proc` is where the kernel says what its consoles are. */
export async function openSerial(settings: SerialSettings, ear: Ear, proc = '/proc'): Promise<Channel> {
  const { path, baud, parity, stopBits } = settings
  await refuseConsole(path, proc)
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits, autoOpen: false })
  // An adapter that is pulled out gives an error, then a close; the latter counts.
  port.on('error', () => {})
  try {
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  } catch (error) {
    throw await openFailure(path, error as Error)
  }
  port.on('data', (chunk: Buffer) => ear.data(chunk))
  port.once('close', () => ear.lost())
  return channelOf(port, ear)
}

function channelOf(port: SerialPort, ear: Ear): Channel {
  return {
    get isOpen() {
      return port.isOpen
    },
    write(bytes) {
      port.write(bytes, (error) => {
        if (error) ear.lost(error)
      })
    },
    // What goes wrong here goes wrong again with the request, which says so.
    discard: () => new Promise((resolve) => (port.isOpen ? port.flush(() => resolve()) : resolve())),
    close: () => new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())),
  }
}

/** Devices that the kernel or a login speaks on: reading there would swallow what an operator types, and he would disturb the line. */
async function refuseConsole(path: string, proc: string): Promise<void> {
  const text = (name: string) => readFile(`${proc}/${name}`, 'utf8').catch(() => '')
  const names = consoleNames(await text('consoles'), await text('cmdline'))
  const device = await devicePath(path)
  if (!names.includes(device.replace(/^\/dev\//, ''))) return
  throw new Unreachable('console', `${path} is the console of this box`, {
    remedy: 'use another port; the console keeps its own, so that the box can always be reached',
  })
}

/** Of /proc/consoles and of the kernel's command line. */
export function consoleNames(consoles: string, cmdline: string): string[] {
  const active = consoles.split('\n').map((line) => line.split(/\s/)[0] ?? '')
  const asked = [...cmdline.matchAll(/(?:^|\s)console=([^\s,]+)/g)].map((it) => it[1] ?? '')
  return [...new Set([...active, ...asked])].filter((it) => it !== '')
}

async function openFailure(path: string, error: Error): Promise<Unreachable> {
  const text = error.message
  if (text.includes('lock'))
    return new Unreachable('busy', `${path} is in use`, { cause: error, remedy: 'stop the other program that holds it' })
  if (text.includes('ermission'))
    return new Unreachable('denied', `${path} may not be opened`, {
      cause: error,
      remedy: "let the agent's user into the device's group (dialout)",
    })
  if (!text.includes('No such file'))
    return new Unreachable('unreachable', text, { cause: error, remedy: 'path must lead to a serial device' })
  const there = await readdir('/dev/serial/by-id').catch(() => [])
  const remedy =
    there.length > 0 ? `there are: ${there.map((it) => `/dev/serial/by-id/${it}`).join(', ')}` : 'plug in the serial adapter'
  return new Unreachable('no-device', `${path} is not there`, { cause: error, remedy })
}
