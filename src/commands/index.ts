// All operator commands, in the order of `help`. A new command is a file and a line here.
import { agent } from './agent.ts'
import { check } from './check.ts'
import type { Command } from './command.ts'
import { console } from './console.ts'
import { diagnostics } from './diagnostics.ts'
import { exportCommand } from './export.ts'
import { exportKey } from './export-key.ts'
import { forecast } from './forecast.ts'
import { host } from './host.ts'
import { importCommand } from './import.ts'
import { logCheck } from './log-check.ts'
import { logExport } from './log-export.ts'
import { logInspect } from './log-inspect.ts'
import { logRepair } from './log-repair.ts'
import { metrics } from './metrics.ts'
import { plant } from './plant.ts'
import { probeCommand } from './probe.ts'
import { query } from './query.ts'
import { replay } from './replay.ts'
import { schema } from './schema.ts'
import { sources } from './sources.ts'
import { sourcesBrowse } from './sources-browse.ts'
import { sourcesScan } from './sources-scan.ts'
import { sourcesTags } from './sources-tags.ts'
import { sourcesTest } from './sources-test.ts'
import { sourcesTrust } from './sources-trust.ts'
import { status } from './status.ts'
import { unpack } from './unpack.ts'
import { uplinks } from './uplinks.ts'
import { uplinksTest } from './uplinks-test.ts'
import { verify } from './verify.ts'

export const COMMANDS: readonly Command[] = [
  agent,
  check,
  schema,
  status,
  sources,
  sourcesTest,
  sourcesBrowse,
  sourcesScan,
  sourcesTags,
  sourcesTrust,
  query,
  replay,
  forecast,
  logCheck,
  logInspect,
  logRepair,
  logExport,
  uplinks,
  uplinksTest,
  verify,
  unpack,
  exportCommand,
  exportKey,
  importCommand,
  probeCommand,
  metrics,
  diagnostics,
  console,
  host,
  plant,
]

/** Part of the product and not built yet. */
export const NOT_BUILT: readonly string[] = [
  'panel',
  'settings show',
  'settings diff',
  'settings apply',
  'settings confirm',
  'settings revert',
  'settings history',
  'secrets list',
  'secrets set',
  'secrets remove',
  'update status',
  'update check',
  'update install',
  'update rollback',
]
