// An issue in the language of this browser. The agent says it in English under a stable code; what its sentence is about is taken out of it, and put
// into the sentence of that code. Where that fails, its own words stand below a title that is translated.
import type { Issue, LeftOut } from '../../core/status.ts'
import type { Parameters } from '../words/index.ts'
import { saidWords } from './said-text.ts'
import { tFilled, tOf } from '../words/index.ts'

/** As the agent's sentences are made. */
const SENTENCES: Readonly<Record<string, RegExp>> = {
  'source-down': /^Source (?<name>.+?) is down: (?<detail>.*)$/s,
  'source-insecure': /^source (?<name>.+?) is not protected: (?<detail>.*)$/s,
  'uplink-insecure': /^uplink (?<name>.+?) is not protected: (?<detail>.*)$/s,
  'uplink-at-least-once': /^uplink (?<name>.+?) delivers at least once/,
  'uplink-refused':
    /^Uplink (?<name>.+?): (?<count>\d+) readings of (?<classes>.+?) were refused there for good, last (?<reason>.*)$/s,
  'uplink-blocked': /^Uplink (?<name>.+?): (?<classes>.+?) must wait: (?<detail>.*)$/s,
  'uplink-fenced': /^Uplink (?<name>.+?): another box/,
  'uplink-waiting': /^Uplink (?<name>.+?) is waiting: (?<detail>.*)$/s,
  'log-full': /^The log is (?<share>\d+) % full$/,
  'disk-full': /^The disk that the log lies on is full/,
  'disk-short': /^The disk that the log lies on has no room/,
  'log-read': /^Somebody reads journal.db/,
  'class-waits': /^Class (?<name>.+?) has all the space/,
  'box-refused': /^Box (?<name>.+?) waits, what it sends is not taken: (?<detail>.*)$/s,
  'box-rolled-back': /: (?<count>\d+) readings of box (?<name>.+?) that it had/,
  'boxes-not-open': /^Other boxes cannot reach (?<name>\S+):/,
  'boxes-not-heard': /^Other boxes cannot come in at (?<name>\S+): (?<detail>.*)$/s,
  parked: /^(?<count>\d+) readings were refused/,
  'log-damaged': /^Class (?<name>.+?): (?<count>\d+) readings are missing/,
  'rules-failed': /^the rules do not run as they should: (?<detail>.*)$/s,
  'rules-missed': /^(?<count>\d+) readings went before the rules/,
  'rule-error': /^rule (?<name>.+?): its expression had no result (?<count>\d+) times, the last time: (?<detail>.*)$/s,
  'rule-unscored':
    /^rule (?<name>.+?): its model (?<detail>.+?) gave no score (?<count>\d+) times, the last time: (?<reason>.*)$/s,
  'rule-window-full': /^rule (?<name>.+?): (?<count>\d+) readings or events found no room/,
  'notify-failing': /^Notifier (?<name>.+?) cannot tell anybody: (?<detail>.*)$/s,
  'notify-partly': /^Notifier (?<name>.+?) does not reach all: (?<detail>.*)$/s,
  'notify-missed': /^Notifier (?<name>.+?): (?<count>\d+) readings/,
  'notifier-insecure': /^notifier (?<name>.+?) is not protected: (?<detail>.*)$/s,
  'commands-unread': /^commands of uplink (?<name>.+?) cannot be read: (?<detail>.*)$/s,
  'commands-closed': /^commands are neither read nor done: (?<detail>.*)$/s,
  'commands-clock': /^commands wait: nobody vouches/,
  'commands-full': /^no more commands are read/,
  'commands-unreadable': /^(?<count>\d+) records of the topic of commands/,
  'other-hardware': /^this disk was (?<name>.+?) in other hardware$/,
  'settings-pending': /^the settings of (?<name>.+?) are taken back in (?<seconds>\d+) s$/,
}

export interface IssueWords {
  /** Undefined: the text says it. */
  readonly title: string | undefined
  readonly text: string
  readonly remedy: string
}

export function wordsOf({ code, text, remedy, leftOut }: Pick<Issue, 'code' | 'text' | 'remedy' | 'leftOut'>): IssueWords {
  const found = leftOut ? { groups: aboutOf(leftOut) } : SENTENCES[code]?.exec(text)
  const detail = found?.groups?.['detail']
  const said = detail === undefined ? undefined : saidWords({ text: detail, remedy })
  const groups = said?.original === undefined ? found?.groups : { ...found?.groups, detail: `${said.text} (${said.original})` }
  return {
    title: tOf(`issue.${code}`),
    text: (found && tFilled(`issueText.${code}`, numbered(groups ?? {}))) ?? text,
    remedy: tOf(`issueRemedy.${code}`) ?? said?.remedy ?? remedy,
  }
}

function aboutOf({ kind, name, path, text }: LeftOut): Record<string, string> {
  return { name: `${tOf(`issueKind.${kind}`) ?? kind} ${name}`, detail: `${path}: ${text}` }
}

/** Numbers are written as the language has them. */
function numbered(groups: Readonly<Record<string, string>>): Parameters {
  return Object.fromEntries(
    Object.entries(groups).map(([key, it]) => [key, /^\d+$/.test(it) && key !== 'name' ? Number(it) : it]),
  )
}
