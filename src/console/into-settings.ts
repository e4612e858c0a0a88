// What was put in force here is written into the settings too, so that it is there after a restart: by the agent, or where none runs by the helper.
import { readFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { BadInput, Unreachable } from '../core/errors.ts'
import { agentAway } from './items/status.ts'
import type { Session } from './parts.ts'

const TRIES_MAX = 3
const SAID = 'The settings say so too.'

interface Said {
  /** Written by the agent: a second time changes nothing. */
  readonly throughAgent: () => Promise<void>
  /** The same in the text of the file. */
  readonly edit: (text: string) => string
}

export async function intoSettings(session: Session, { throughAgent, edit }: Said): Promise<void> {
  const { terminal, parts, person, verbs } = session
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    try {
      await throughAgent()
      return terminal.print([SAID])
    } catch (error) {
      // A box with much to do may answer late: what it did meanwhile is seen, and not done twice.
      const isAway = error instanceof Unreachable && error.code === 'agent-unreachable'
      if (!isAway && (tries === 0 || !(error instanceof BadInput))) throw error
      if (isAway && (await agentAway(session)) !== undefined) break
    }
  }
  if (!verbs.includes('settingsWrite'))
    return terminal.print(['The settings file does not say so yet: the agent does not answer.'])
  await parts.host.settingsWrite(edit(await settingsText(session)), person.name)
  await terminal.print([SAID])
}

async function settingsText({ parts }: Session): Promise<string> {
  const text = await readFile(parts.settingsFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new BadInput([{ where: parts.settingsFile, text: `cannot be read: ${error.code}` }])
  })
  if (parseDocument(text).errors.length > 0) throw new BadInput([{ where: parts.settingsFile, text: 'is no YAML' }])
  return text
}
