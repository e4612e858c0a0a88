// Brings secrets and files into DIR for settings of REVISION, and dies at its CUT-th step: a file that is put in its place, or taken away.
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const [dir = '', revision = '', cut = ''] = process.argv.slice(2)
let step = 0
const dying =
  <A extends unknown[], R>(real: (...args: A) => R) =>
  (...args: A): R => {
    if (step++ === Number(cut)) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
fs.rename = dying(fs.rename)
fs.rm = dying(fs.rm)
syncBuiltinESMExports()
const { bring, settle } = await import('../../src/agent-restore.ts')
const secrets = { cloud: 'new', other: 'new too' }
const files = { 'export/box.key': 'bmV3', 'protocols/opcua/pki/own/certs/holdfast.pem': 'bmV3' }
await bring(dir, revision, { secrets, files })
console.log(`brought ${step}`)
await settle(dir)
