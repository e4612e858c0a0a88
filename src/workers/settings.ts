// The settings' thread: reads them, says what it found, and ends.
import { parentPort, workerData } from 'node:worker_threads'
import { settingsSchemas } from '../schemas.ts'
import { readSettings } from '../settings/read.ts'
import { openSecrets } from '../settings/secrets.ts'
import { packed } from './port.ts'
import type { SettingsRequest } from './read-settings.ts'

const { file, dir, deviceId, valuesFile } = workerData as SettingsRequest

async function read(): Promise<object> {
  try {
    const secrets = await openSecrets(dir, process.env)
    return {
      checked: await readSettings(file, {
        schemas: settingsSchemas,
        secrets,
        deviceId,
        ...(valuesFile === undefined ? {} : { valuesFile }),
      }),
    }
  } catch (error) {
    return { error: packed(error) }
  }
}

parentPort?.postMessage(await read())
