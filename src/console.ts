// The serial console: a menu of its own process, whatever else runs.
//
//   terminal (80 x 24, 7 bits) ◄─► console/session ─► commands ─► agent's sockets ┐
//                                        ├─► access (users, claim code)           ├ each may be away
//                                        └─► host.sock (root's verbs)             ┘
import type { ConsoleRequest, Parts } from './commands/command.ts'
import { dispatch } from './commands/dispatch.ts'
import { keysOf } from './console/keys.ts'
import type { ConsoleParts } from './console/parts.ts'
import { runSessions } from './console/session.ts'
import { createTerminal } from './console/terminal.ts'
import { openConsoleAccess } from './console-access.ts'
import type { Env } from './console-box.ts'
import { boxView } from './console-box.ts'
import { connectAgent } from './local-api/client.ts'
import { connectHost } from './machine/host/client.ts'
import { connectUpdater } from './update/client.ts'

export interface ConsoleOptions extends ConsoleRequest {
  readonly version: string
  readonly env: Env
  readonly parts: Parts
}

/** Until the line hangs up, or the signal aborts. */
export async function runConsole(options: ConsoleOptions, signal: AbortSignal): Promise<number> {
  const { stdin, stdout } = process
  const { access, close } = await openConsoleAccess(options.dir)
  // Keys one by one, and Ctrl-C as a key: what it ends is told apart here.
  if (stdin.isTTY) stdin.setRawMode(true)
  const keys = keysOf(stdin)
  signal.addEventListener('abort', () => keys.close(), { once: true })
  // Nobody reads any more.
  stdout.on('error', () => keys.close())
  try {
    await runSessions(createTerminal(keys, stdout), partsOf(options, access), options.idleMs)
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false)
    keys.close()
    close()
  }
  return 0
}

function partsOf(options: ConsoleOptions, access: ConsoleParts['access']): ConsoleParts {
  const { dir, settings, stick, agentLog, version, env, parts } = options
  return {
    version,
    dir,
    settingsFile: settings,
    stickFolder: stick,
    agentLogFile: agentLog,
    agent: connectAgent(dir),
    host: connectHost(dir),
    updater: connectUpdater(dir),
    access,
    box: boxView(options),
    run: (words, out, signal) =>
      dispatch([...words, '--data', dir], { out, err: out, env, signal, parts, version, agent: connectAgent }),
  }
}
