import { existsSync, readFileSync } from 'node:fs'
import { writeWhole } from '../airgap/whole.ts'
import { BadInput } from '../core/errors.ts'
import { toJson } from '../core/json.ts'
import type { FollowedForm } from '../core/follow.ts'
import { FOLLOWED_FORMS } from '../core/follow.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { followOn, followRequest } from './follow-on.ts'
import { outputSink } from './formats/sinks.ts'
import { operation } from './operation.ts'
import type { FollowInput } from './shapes/follow.ts'
import { followInput, followRow } from './shapes/follow.ts'
import { nowMicros } from './times.ts'

const rows = operation({
  name: 'follow',
  access: 'viewer',
  summary: 'what the log holds from a position on, then live; each row says where to go on',
  input: followInput,
  output: followRow,
  many: true,
  resumes: 'from',
  run: (input, { agent, signal }) => followOn(agent, followRequest(input, 'from', nowMicros()), signal),
})

const SAVE_EVERY_MS = 1_000

export const follow: Command = {
  name: 'follow',
  role: 'view',
  summary: rows.summary,
  arguments: ['[TAG]…'],
  options: {
    from: {
      value: 'FROM',
      summary: 'beginning, now (where it is missing), a position of an earlier row, or a time: received from then on',
    },
    class: { value: 'CLASS,…', summary: 'of these classes only; * stands for any characters' },
    form: { value: 'FORM', summary: 'raw or aggregate; both where it is missing' },
    'position-file': { value: 'FILE', summary: 'where it stands is kept there; where the file is there, it goes on behind that' },
  },
  operation: rows,
  async run(context) {
    const { agent, signal, err, out } = context
    const file = text(context, 'position-file')
    const request = followRequest(inputOf(context, file), '--from', nowMicros())
    const keeper = file === undefined ? undefined : positionKeeper(file)
    const sink = outputSink(out, signal)
    const waits = (why: Error) => void err.write(`${why.message}; waiting for it\n`)
    try {
      for await (const row of followOn(agent, request, signal, waits)) {
        await sink.write(`${toJson(row)}\n`)
        keeper?.passed(row.position)
      }
    } catch (error) {
      // Told to end while it wrote.
      if (!signal.aborted) throw error
    } finally {
      keeper?.save()
      await sink.end()
    }
    return DONE
  },
}

function inputOf(context: CommandContext, file: string | undefined): FollowInput {
  const known = file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  const classes = text(context, 'class')?.split(',')
  const form = text(context, 'form')
  if (form !== undefined && !isForm(form)) throw wrong('--form', `"${form}" is not ${FOLLOWED_FORMS.join(' or ')}`)
  return {
    from: known === '' ? (text(context, 'from') ?? 'now') : known,
    ...(context.args.length > 0 && { tag: context.args }),
    ...(classes && { class: classes }),
    ...(form !== undefined && { form }),
  }
}

const isForm = (it: string): it is FollowedForm => (FOLLOWED_FORMS as readonly string[]).includes(it)

function text(context: CommandContext, option: string): string | undefined {
  const value = context.options[option]
  return typeof value === 'string' ? value : undefined
}

/** The file is the position before or the one after, whatever happens. What is written out comes first: a kill doubles what was not saved yet. */
function positionKeeper(file: string): { passed(position: string): void; save(): void } {
  let position: string | undefined
  let savedAt = -Infinity
  const save = (): void => {
    if (position === undefined) return
    try {
      writeWhole(file, `${position}\n`)
    } catch (error) {
      throw wrong('--position-file', `${file} cannot be written: ${(error as Error).message}`)
    }
    position = undefined
    savedAt = performance.now()
  }
  return {
    passed(next) {
      position = next
      if (performance.now() - savedAt >= SAVE_EVERY_MS) save()
    },
    save,
  }
}

function wrong(where: string, what: string): BadInput {
  return new BadInput([{ where, text: what }])
}
