import { call } from '../api/client.ts'
import { status } from '../state/status.ts'
import { save } from './save.ts'

/** The settings in force as a file of this box and day. */
export async function saveSettings(): Promise<void> {
  const { text } = await call('settings show', {})
  const day = new Date().toISOString().slice(0, 10)
  save(`${status.value?.device ?? 'holdfast'}-settings-${day}.yaml`, text, 'application/yaml')
}
