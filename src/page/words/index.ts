// Words by key, in the language of this browser. Parameters stand in braces: {name}; {n|value|values} chooses by number.
import { effect, signal } from '@preact/signals'
import type { Language } from '../state/preferences.ts'
import { language, locale } from '../state/preferences.ts'
import { number } from '../format/number.ts'
import type { backupEn } from './backup.en.ts'
import type { en } from './en.ts'
import type { moreEn } from './more.en.ts'
import type { networkEn } from './network.en.ts'
import type { notifyEn } from './notify.en.ts'
import type { sourcesEn } from './sources.en.ts'
import type { updateEn } from './update.en.ts'

export type WordKey =
  | keyof typeof en
  | keyof typeof backupEn
  | keyof typeof moreEn
  | keyof typeof networkEn
  | keyof typeof notifyEn
  | keyof typeof sourcesEn
  | keyof typeof updateEn
export type Words = Readonly<Record<keyof typeof en, string>>
export type BackupWords = Readonly<Record<keyof typeof backupEn, string>>
export type MoreWords = Readonly<Record<keyof typeof moreEn, string>>
export type NetworkWords = Readonly<Record<keyof typeof networkEn, string>>
export type NotifyWords = Readonly<Record<keyof typeof notifyEn, string>>
export type SourcesWords = Readonly<Record<keyof typeof sourcesEn, string>>
export type UpdateWords = Readonly<Record<keyof typeof updateEn, string>>
export type Parameters = Readonly<Record<string, string | number>>
type Load = Record<Language, () => Promise<Partial<Record<WordKey, string>>>>

/** What the first view needs, and what comes with a later page. */
const FIRST: Load = {
  en: async () => (await import('./en.ts')).en,
  de: async () => (await import('./de.ts')).de,
}
const MORE: Load = {
  en: async () => (await import('./more.en.ts')).moreEn,
  de: async () => (await import('./more.de.ts')).moreDe,
}

/** Of sources, tags and the first run. */
const SOURCES: Load = {
  en: async () => (await import('./sources.en.ts')).sourcesEn,
  de: async () => (await import('./sources.de.ts')).sourcesDe,
}

const UPDATE: Load = {
  en: async () => (await import('./update.en.ts')).updateEn,
  de: async () => (await import('./update.de.ts')).updateDe,
}

const NETWORK: Load = {
  en: async () => (await import('./network.en.ts')).networkEn,
  de: async () => (await import('./network.de.ts')).networkDe,
}

const NOTIFY: Load = {
  en: async () => (await import('./notify.en.ts')).notifyEn,
  de: async () => (await import('./notify.de.ts')).notifyDe,
}

const BACKUP: Load = {
  en: async () => (await import('./backup.en.ts')).backupEn,
  de: async () => (await import('./backup.de.ts')).backupDe,
}

const words = signal<Partial<Record<WordKey, string>>>({})
const loads = [FIRST]

async function load(which: readonly Load[] = loads): Promise<void> {
  const asked = language.value
  const all = await Promise.all(which.map((it) => it[asked]()))
  // Another language may have been chosen meanwhile.
  if (language.value !== asked) return load(which)
  words.value = Object.assign({}, words.value, ...all)
}

/** The words of the language, and again whenever it changes. */
export async function loadWords(): Promise<void> {
  let isFirst = true
  await load()
  effect(() => {
    void language.value
    if (!isFirst) void load()
    isFirst = false
  })
}

/** Those of the later pages too. */
export async function loadMoreWords(): Promise<void> {
  if (loads.includes(MORE)) return
  // Only what has come is known: where it fails, the next try fetches it again.
  await load([MORE, SOURCES, NETWORK, UPDATE, NOTIFY, BACKUP])
  if (!loads.includes(MORE)) loads.push(MORE, SOURCES, NETWORK, UPDATE, NOTIFY, BACKUP)
}

export function t(key: WordKey, parameters: Parameters = {}): string {
  return filled(words.value[key] ?? key, parameters)
}

function filled(text: string, parameters: Parameters): string {
  return text.replaceAll(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name: string, one?: string, other?: string) => {
    const it = parameters[name] ?? ''
    if (one !== undefined) return (new Intl.PluralRules(locale()).select(Number(it)) === 'one' ? one : other) ?? ''
    return typeof it === 'number' ? number(it) : it
  })
}

/** A key that is put together; undefined where there is no such word. */
export function tOf(key: string): string | undefined {
  return words.value[key as WordKey]
}

/** As tOf, with its places filled. */
export function tFilled(key: string, parameters: Parameters): string | undefined {
  const text = tOf(key)
  return text === undefined ? undefined : filled(text, parameters)
}
