// The settings' thread: reads them, says what it found, and ends.
import { readFile } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { settingsSchemas } from '../schemas.ts'
import { changesOf } from '../settings/changes.ts'
import { checkText, readSettings } from '../settings/read.ts'
import { openSecrets } from '../settings/secrets.ts'
import { packed } from './port.ts'
import type { SettingsAnswer, SettingsRequest } from './read-settings.ts'

const { file, dir, deviceId, valuesFile, text, ranBefore = false, secrets: brought = {} } = workerData as SettingsRequest

async function read(): Promise<SettingsAnswer> {
  const changes = text === undefined ? [] : changesOf(await readFile(file, 'utf8').catch(() => ''), text)
  try {
    const own = await openSecrets(dir, process.env)
    const secrets = { ...own, get: (name: string) => (Object.hasOwn(brought, name) ? brought[name] : own.get(name)) }
    const context = {
      schemas: settingsSchemas,
      secrets,
      deviceId,
      ranBefore,
      ...(valuesFile === undefined ? {} : { valuesFile }),
    }
    return { changes, checked: await (text === undefined ? readSettings(file, context) : checkText(text, file, context)) }
  } catch (error) {
    return { changes, error: packed(error) }
  }
}

parentPort?.postMessage(await read())
