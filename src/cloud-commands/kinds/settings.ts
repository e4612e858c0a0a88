// A settings file, put in force as the page does it: checked, applied, and taken back by itself unless it is confirmed. Here the box itself confirms,
// once the uplink that brought the command can be read again under the new settings: what cuts the box off does not last.
//
// No command changes what commands may do: `commands` of an uplink and `writes` of a source stay as a person at the box has set them.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { BadInput } from '../../core/errors.ts'
import type { SettingsApi } from '../../core/operator.ts'
import type { Settings } from '../../core/settings.ts'
import type { Doing, Kind, Outcome } from '../kind.ts'
import type { Held } from '../journal.ts'
import type { SETTINGS } from '../parse.ts'

export interface SettingsParts {
  api(): Pick<SettingsApi, 'settings' | 'settingsApply' | 'settingsConfirm' | 'settingsHistory'>
  /** As the text would be in force. Rejects with BadInput. */
  checked(text: string): Promise<Settings>
  now(): Settings
  /** Resolves when the commands of an uplink have been asked for anew, and answered. Rejects when the signal aborts. */
  heardAnew(uplink: string, signal: AbortSignal): Promise<void>
  readonly confirmWithinMs: number
}

interface Facts {
  readonly revision: string
}

const PROBLEMS_MAX = 5
const LOOK_EVERY_MS = 500

export function settingsKind(parts: SettingsParts): Kind {
  async function confirmed({ uplink }: Held, { revision }: Facts, { signal }: Doing): Promise<Outcome> {
    const heard = new AbortController()
    parts.heardAnew(uplink, AbortSignal.any([signal, heard.signal])).then(
      () =>
        parts
          .api()
          .settingsConfirm(revision)
          .catch(() => {}),
      () => {},
    )
    try {
      for (;;) {
        signal.throwIfAborted()
        const now = await parts.api().settings()
        if (now.pending?.revision !== revision) return now.revision === revision ? done(revision) : takenBack()
        await sleep(LOOK_EVERY_MS)
      }
    } finally {
      heard.abort()
    }
  }

  async function apply(command: Held, doing: Doing): Promise<Outcome> {
    const { text, base, confirmWithinMs = parts.confirmWithinMs } = command.body as z.output<typeof SETTINGS>
    // Rights are compared with the text that it is put in the place of.
    const before = await parts.api().settings()
    if (base !== undefined && base !== before.revision)
      return { result: 'refused', code: 'settings-refused', reason: 'the settings were changed since, or were never these' }
    const refused = await whyNot(text, before.text)
    if (refused) return refused
    const revision = createHash('sha256').update(text).digest('hex')
    doing.begin({ revision } satisfies Facts)
    try {
      const by = `command ${command.id}`
      await parts.api().settingsApply({ text, base: before.revision, by, confirmWithinMs })
    } catch (error) {
      if (error instanceof BadInput) return { result: 'refused', code: 'settings-refused', reason: textOf(error) }
      return { result: 'failed', code: 'settings-failed', reason: (error as Error).message }
    }
    return confirmed(command, { revision }, doing)
  }

  async function whyNot(text: string, before: string): Promise<Outcome | undefined> {
    try {
      if (isDeepStrictEqual(rightsOf(await parts.checked(text)), rightsOf(await settingsOf(before)))) return undefined
      const reason =
        'it would change what commands may do (commands of an uplink, writes of a source): a person does that at the box'
      return { result: 'refused', code: 'settings-own-rights', reason }
    } catch (error) {
      if (error instanceof BadInput) return { result: 'refused', code: 'settings-refused', reason: textOf(error) }
      throw error
    }
  }

  /** An older version may have taken a text that this one does not: then what is in force says it. */
  async function settingsOf(text: string): Promise<Settings> {
    try {
      return await parts.checked(text)
    } catch (error) {
      if (error instanceof BadInput) return parts.now()
      throw error
    }
  }

  return {
    run: apply,
    async resume(command, doing) {
      const facts = command.facts as Facts
      const { revision } = await parts.api().settings()
      if (revision === facts.revision) return confirmed(command, facts, doing)
      const entry = (await parts.api().settingsHistory()).find((it) => it.revision === facts.revision)
      return entry?.by === `command ${command.id}` ? takenBack() : apply(command, doing)
    },
  }
}

/** What commands may do: by whatever name. */
function rightsOf({ uplinks, sources }: Settings): unknown {
  return {
    commands: uplinks.flatMap((it) => (it.commands ? [{ uplink: it.name, ...it.commands }] : [])),
    writes: sources.flatMap((it) =>
      it.writes ? [{ source: it.name, protocol: it.protocol, settings: it.settings, writes: it.writes }] : [],
    ),
  }
}

function done(revision: string): Outcome {
  return { result: 'done', detail: { revision } }
}

function takenBack(): Outcome {
  const reason = 'the settings were taken back: they were not confirmed in time, or could not be put in force'
  return { result: 'failed', code: 'settings-taken-back', reason }
}

function textOf({ problems }: BadInput): string {
  return problems
    .slice(0, PROBLEMS_MAX)
    .map((it) => `${it.where}: ${it.text}`)
    .join('; ')
}
