// The settings of a situation, as a box reads them: secrets are made up, values are the box's own.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings, UplinkSettings } from '../../src/core/settings.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { parseSettings, readValues } from '../../src/settings/read.ts'
import { secretVariable } from '../../src/settings/secrets.ts'

export const SITUATIONS = import.meta.dirname

const PEM = {
  ca: '-----BEGIN CERTIFICATE-----\n',
  cert: '-----BEGIN CERTIFICATE-----\n',
  key: '-----BEGIN PRIVATE KEY-----\n',
} as const

/** Folders, in order. */
export function situations(): string[] {
  const folders = readdirSync(SITUATIONS, { withFileTypes: true }).filter((it) => it.isDirectory())
  return folders.map((it) => it.name).toSorted()
}

export function situationText(name: string, file = 'box.yaml'): string {
  return readFileSync(join(SITUATIONS, name, file), 'utf8')
}

/** Something for every secret that a text names. */
export function madeUpSecrets(text: string): Record<string, string> {
  const names = [...text.matchAll(/\{ secret: ([\w-]+) \}/g)].map((it) => it[1] as string)
  const valueOf = (name: string) => PEM[name.split('-').at(-1) as keyof typeof PEM] ?? `made up for ${name}`
  return Object.fromEntries(names.map((name) => [secretVariable(name), valueOf(name)]))
}

/** The settings of NAME/FILE, with NAME/values.yaml where there is one. */
export function situation(name: string, file = 'box.yaml'): Settings {
  const text = situationText(name, file)
  const env = madeUpSecrets(text)
  const values = join(SITUATIONS, name, 'values.yaml')
  return parseSettings(text, `${name}/${file}`, {
    schemas: settingsSchemas,
    secrets: { get: (secret) => env[secretVariable(secret)] },
    deviceId: 'drawn',
    values: existsSync(values) ? readValues(readFileSync(values, 'utf8'), values) : {},
  }).settings
}

export function uplinkOf({ uplinks }: Settings, name: string): UplinkSettings {
  const found = uplinks.find((it) => it.name === name)
  if (!found) throw new Error(`there is no uplink ${name} in these settings`)
  return found
}
