// What a message says, in the notifier's language.
import type { HeldEvents, NotifiedEvent, NotifyLanguage } from '../core/notify.ts'

export interface Words {
  readonly title: string
  readonly text: string
}

interface Sentences {
  readonly event: string
  readonly stale: (count: number) => string
  readonly limited: (count: number) => string
  readonly repeated: (count: number) => string
  readonly between: (from: string, to: string) => string
  readonly repeats: (count: number) => string
  readonly test: string
  readonly testText: string
  readonly labels: Readonly<Record<'tag' | 'value' | 'time' | 'class' | 'quality' | 'device' | 'site', string>>
}

const SENTENCES: Readonly<Record<NotifyLanguage, Sentences>> = {
  en: {
    event: 'event',
    stale: (count) => (count === 1 ? '1 event that could not be told in time' : `${count} events that could not be told in time`),
    limited: (count) => (count === 1 ? '1 more event, held back by the limit' : `${count} more events, held back by the limit`),
    repeated: (count) => (count === 1 ? '1 event came again' : `${count} events came again`),
    between: (from, to) => `Between ${from} and ${to}. The log has each of them.`,
    repeats: (count) => `It came ${count} more times since it was told last.`,
    test: 'test message',
    testText: 'Somebody is testing this notifier (holdfast notify test). Nothing has happened.',
    labels: {
      tag: 'Tag',
      value: 'Value',
      time: 'Time',
      class: 'Class',
      quality: 'Quality',
      device: 'Device',
      site: 'Site',
    },
  },
  de: {
    event: 'Ereignis',
    stale: (count) =>
      count === 1
        ? '1 Ereignis, das nicht rechtzeitig gemeldet wurde'
        : `${count} Ereignisse, die nicht rechtzeitig gemeldet wurden`,
    limited: (count) =>
      count === 1
        ? '1 weiteres Ereignis, zurückgehalten durch die Grenze'
        : `${count} weitere Ereignisse, zurückgehalten durch die Grenze`,
    repeated: (count) => (count === 1 ? '1 Ereignis kam noch einmal' : `${count} Ereignisse kamen noch einmal`),
    between: (from, to) => `Zwischen ${from} und ${to}. Das Log hat jedes davon.`,
    repeats: (count) => `Seit der letzten Meldung kam es noch ${count}-mal.`,
    test: 'Probemeldung',
    testText: 'Jemand prüft diesen Melder (holdfast notify test). Es ist nichts geschehen.',
    labels: {
      tag: 'Tag',
      value: 'Wert',
      time: 'Zeit',
      class: 'Klasse',
      quality: 'Qualität',
      device: 'Gerät',
      site: 'Standort',
    },
  },
}

const TITLE_CHARS_MAX = 200
const VALUE_CHARS_MAX = 2_000
/** Kinds of events that one message names. */
const EACH_MAX = 20

interface Place {
  readonly device: string
  readonly site: string
}

/** What of an event stands in a title. */
export function gistOf(language: NotifyLanguage, event: NotifiedEvent): string {
  const { about, value } = partsOf(event)
  return `${event.rule ?? SENTENCES[language].event}: ${about} ${value}`
}

function partsOf({ said = {}, tag, value }: NotifiedEvent): { about: string; value: string } {
  const unit = said['unit'] === undefined ? '' : ` ${String(said['unit'])}`
  return {
    about: String(said['tag'] ?? said['SourceName'] ?? tag),
    value: `${plainText(said['Message'] ?? said['value'] ?? value)}${unit}`,
  }
}

export function eventWords(language: NotifyLanguage, { device, site }: Place, event: NotifiedEvent, repeats: number): Words {
  const { repeats: again, labels } = SENTENCES[language]
  const { about, value } = partsOf(event)
  const rows = [
    [labels.tag, about],
    [labels.value, value],
    [labels.time, timeText(event.time)],
    [labels.class, event.class],
    [labels.quality, String(event.said?.['quality'] ?? event.quality)],
    [labels.device, event.device === device ? device : `${event.device} (${device})`],
    ...(site === '' ? [] : [[labels.site, site]]),
  ]
  return {
    title: titleOf({ device, site }, gistOf(language, event)),
    text: [...rows.map(([label, it]) => `${label}: ${it}`), ...(repeats > 0 ? ['', again(repeats)] : [])].join('\n'),
  }
}

/** `each`: how often what came. */
export function heldWords(
  language: NotifyLanguage,
  place: Place,
  kind: 'stale' | 'limited' | 'repeated',
  held: HeldEvents,
  each: readonly (readonly [count: number, title: string])[] = [],
): Words {
  const sentences = SENTENCES[language]
  const count = sentences[kind](held.count)
  const rows = each.slice(0, EACH_MAX).map(([times, title]) => `${times}× ${title}`)
  const text = [`${count}.`, ...rows, ...(each.length > EACH_MAX ? ['…'] : [])]
  const only = each.length === 1 ? `: ${each[0]?.[1] ?? ''}` : ''
  return {
    title: titleOf(place, `${count}${only}`),
    text: [...text, sentences.between(timeText(held.from), timeText(held.to))].join('\n'),
  }
}

export function testWords(language: NotifyLanguage, place: Place): Words {
  return { title: titleOf(place, SENTENCES[language].test), text: SENTENCES[language].testText }
}

/** One line: it may become a header. */
function titleOf({ device, site }: Place, text: string): string {
  const line = `${site === '' ? device : `${site} ${device}`}: ${text}`.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return line.length <= TITLE_CHARS_MAX ? line : `${line.slice(0, TITLE_CHARS_MAX - 1)}…`
}

function plainText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null)
  return text.slice(0, VALUE_CHARS_MAX)
}

/** UTC: whoever reads it may be anywhere. */
function timeText(micros: number): string {
  const date = new Date(micros / 1000)
  return Number.isNaN(date.getTime()) ? String(micros) : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
