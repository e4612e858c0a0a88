// Models and the add-on come and go: piece by piece into a file beside them, proven there, and only then in their place.
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { writeWhole } from '../airgap/whole.ts'
import { ADDON_BYTES_MAX, MODEL_BYTES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { ModelFile, ModelPiece, ModelsApi, ModelsView, ModelTaken } from '../core/model.ts'
import { ADDON_FILE, addonVersion, readKeyring } from './addon.ts'
import type { Container } from './container.ts'
import { open } from './container.ts'
import { listedModel, modelFile, modelNames, modelsDir, remembered } from './files.ts'
import { openModel } from './model.ts'
import { Refused } from './refused.ts'

export interface ModelStoreParts {
  readonly dir: string
  /** Whose models run here, as the settings are now. */
  keys(): readonly string[]
  /** Whose add-on. */
  readonly keyring: string
  /** Rules that use it begin with the new one. */
  changed(): Promise<void>
}

const MODEL_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/
/** Others read it: the process that runs models is another user. */
const FOLDER_MODE = 0o755
const FILE_MODE = 0o644

export function modelStore({ dir, keys, keyring, changed }: ModelStoreParts): ModelsApi {
  const coming = join(dir, 'models/coming.part')
  const ofModel = remembered<ModelFile>()
  const ofAddon = remembered<ModelsView['addon']>()

  function append({ offset, base64 }: ModelPiece): number {
    mkdirSync(modelsDir(dir), { recursive: true, mode: FOLDER_MODE })
    if (offset === 0) rmSync(coming, { force: true })
    const size = offset === 0 ? 0 : sizeOf(coming)
    if (size !== offset) throw wrong('offset', `${size} bytes are there`, 'begin again at 0')
    const bytes = Buffer.from(base64, 'base64')
    if (size + bytes.length > ADDON_BYTES_MAX) throw wrong('FILE', 'it is too large')
    appendFileSync(coming, bytes, { mode: 0o600 })
    return size + bytes.length
  }

  /** Proven as it will be when it is loaded. */
  function proven(bytes: Uint8Array): Container {
    const addons = readKeyring(keyring)
    const it = open(bytes, [...keys(), ...addons])
    if (it.kind === 'addon') {
      if (!addons.includes(it.key))
        throw new Refused('model-foreign', 'the add-on is signed by somebody who may only sign models')
      return it
    }
    if (bytes.length > MODEL_BYTES_MAX) throw new Refused('model-too-large', 'it is larger than a model may be')
    openModel(bytes, keys())
    return it
  }

  return {
    async models() {
      const addons = readKeyring(keyring)
      const models: ModelFile[] = []
      for (const name of modelNames(dir)) {
        models.push(ofModel(modelFile(dir, name), keys(), () => listedModel(dir, name, keys())))
        // Each is read and hashed: in between, others get their turn.
        await turn()
      }
      return { addon: ofAddon(join(dir, ADDON_FILE), addons, () => addonVersion(dir, addons)), models }
    },
    async addModel(piece): Promise<ModelTaken> {
      const bytes = append(piece)
      if (!piece.isLast) return { bytes }
      const file = readFileSync(coming)
      rmSync(coming)
      try {
        const { kind, name, version } = proven(file)
        const place = kind === 'addon' ? join(dir, ADDON_FILE) : modelFile(dir, name)
        mkdirSync(dirname(place), { recursive: true, mode: FOLDER_MODE })
        writeWhole(place, file, FILE_MODE)
        await changed()
        return { bytes, name, version }
      } catch (error) {
        if (error instanceof Refused) throw wrong('FILE', `${error.message} (${error.code})`)
        throw error
      }
    },
    async removeModel(name) {
      if (!MODEL_NAME.test(name) || sizeOf(modelFile(dir, name)) === 0) throw wrong(name, 'there is no model of this name')
      rmSync(modelFile(dir, name))
      await changed()
    },
  }
}

const wrong = (where: string, text: string, remedy?: string) =>
  new BadInput([{ where, text, ...(remedy !== undefined && { remedy }) }])

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
