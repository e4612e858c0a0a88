// Packs the add-on that runs models: node images/addon.ts FOLDER VERSION KEY FILE
//
//   FOLDER/node_modules   what of ONNX Runtime one kind of machine needs (test/models/onnx.sh fetches it)
//   KEY                   signs; made with a new key where it is missing. Its public half is printed: it belongs in the image's addon-keys
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ownSigningKey } from '../src/airgap/keys.ts'
import { seal } from '../src/models/container.ts'

const [folder = '', version = '', keyFile = '', file = ''] = process.argv.slice(2)
const isNeeded = (name: string) => !/\.(d\.ts|map)$/.test(name)
const found = readdirSync(join(folder, 'node_modules'), { recursive: true, withFileTypes: true })
const parts = found
  .filter((it) => it.isFile() && isNeeded(it.name))
  .map((it) => join(it.parentPath, it.name))
  .toSorted()
  .map((it) => ({ name: relative(folder, it), bytes: readFileSync(it) }))
const key = ownSigningKey(keyFile)
const bytes = seal({ kind: 'addon', name: 'onnx', version }, parts, key)
writeFileSync(file, bytes)
process.stdout.write(`${key.public}\n`)
