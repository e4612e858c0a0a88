// All operator commands, in the order of `help`. A new command is a file and a line here.
import { agent } from './agent.ts'
import { backupRestore } from './backup-restore.ts'
import { backupSave } from './backup-save.ts'
import { backupShow } from './backup-show.ts'
import { check } from './check.ts'
import type { Command } from './command.ts'
import { certificateRenew } from './certificate-renew.ts'
import { certificateReplace } from './certificate-replace.ts'
import { certificateRequestCommand } from './certificate-request.ts'
import { certificateShow } from './certificate-show.ts'
import { clockServers } from './clock-servers.ts'
import { clockSet } from './clock-set.ts'
import { cloudCommands } from './cloud-commands.ts'
import { console } from './console.ts'
import { diagnostics } from './diagnostics.ts'
import { exportKey } from './export-key.ts'
import { exportCommand } from './export.ts'
import { factoryReset, factoryShowOperation } from './factory-reset.ts'
import { follow } from './follow.ts'
import { forecast } from './forecast.ts'
import { host } from './host.ts'
import { importCommand } from './import.ts'
import { issues } from './issues.ts'
import { live } from './live.ts'
import { logCheck } from './log-check.ts'
import { logDays } from './log-days.ts'
import { logExport } from './log-export.ts'
import { logInspect } from './log-inspect.ts'
import { logLedger } from './log-ledger.ts'
import { logRepair } from './log-repair.ts'
import { metrics } from './metrics.ts'
import { modelsAdd } from './models-add.ts'
import { modelsList } from './models-list.ts'
import { modelsRemove } from './models-remove.ts'
import { modelsSign } from './models-sign.ts'
import { networkConfirm } from './network-confirm.ts'
import { networkRevert } from './network-revert.ts'
import { networkSet } from './network-set.ts'
import { networkShow } from './network-show.ts'
import { notifyTest } from './notify-test.ts'
import type { Operation } from './operation.ts'
import { panel } from './panel.ts'
import { plant } from './plant.ts'
import { logs } from './logs.ts'
import { probeCommand } from './probe.ts'
import { query } from './query.ts'
import { replay } from './replay.ts'
import { restart } from './restart.ts'
import { rulesTest } from './rules-test.ts'
import { schema } from './schema.ts'
import { scorer } from './scorer.ts'
import { secretsList } from './secrets-list.ts'
import { secretsRemove } from './secrets-remove.ts'
import { secretsSet } from './secrets-set.ts'
import { settingsApply } from './settings-apply.ts'
import { settingsConfirm } from './settings-confirm.ts'
import { settingsDiff } from './settings-diff.ts'
import { settingsHistory, settingsTextOperation } from './settings-history.ts'
import { settingsRevert } from './settings-revert.ts'
import { settingsShow } from './settings-show.ts'
import { sourcesBrowse } from './sources-browse.ts'
import { sourcesScan } from './sources-scan.ts'
import { sourcesTags } from './sources-tags.ts'
import { sourcesTest } from './sources-test.ts'
import { sourcesTrust } from './sources-trust.ts'
import { sources } from './sources.ts'
import { status } from './status.ts'
import { updateCancel } from './update-cancel.ts'
import { updateCheck } from './update-check.ts'
import { updateConfirm } from './update-confirm.ts'
import { updateInstall, updateTakeOperation } from './update-install.ts'
import { updateRollback } from './update-rollback.ts'
import { updateStatus } from './update-status.ts'
import { updater } from './updater.ts'
import { unpack } from './unpack.ts'
import { uplinksTest } from './uplinks-test.ts'
import { uplinks } from './uplinks.ts'
import { verify } from './verify.ts'

export const COMMANDS: readonly Command[] = [
  agent,
  panel,
  check,
  schema,
  status,
  issues,
  sources,
  sourcesTest,
  sourcesBrowse,
  sourcesScan,
  sourcesTags,
  sourcesTrust,
  live,
  query,
  follow,
  replay,
  rulesTest,
  modelsList,
  modelsAdd,
  modelsRemove,
  modelsSign,
  forecast,
  logCheck,
  logInspect,
  logRepair,
  logExport,
  logLedger,
  logDays,
  logs,
  uplinks,
  uplinksTest,
  cloudCommands,
  notifyTest,
  verify,
  unpack,
  exportCommand,
  exportKey,
  importCommand,
  networkShow,
  networkSet,
  networkConfirm,
  networkRevert,
  clockSet,
  clockServers,
  certificateShow,
  certificateRenew,
  certificateReplace,
  certificateRequestCommand,
  restart,
  factoryReset,
  probeCommand,
  metrics,
  diagnostics,
  console,
  host,
  scorer,
  updater,
  updateStatus,
  updateCheck,
  updateInstall,
  updateConfirm,
  updateCancel,
  updateRollback,
  settingsShow,
  settingsDiff,
  settingsApply,
  settingsConfirm,
  settingsRevert,
  settingsHistory,
  secretsList,
  secretsSet,
  secretsRemove,
  backupSave,
  backupShow,
  backupRestore,
  plant,
]

/** What page, console and scripts on other machines call. */
export const OPERATIONS: readonly Operation[] = [
  ...COMMANDS.flatMap((it) => it.operation ?? []),
  settingsTextOperation,
  factoryShowOperation,
  updateTakeOperation,
]
