// P12: what a change of one line costs a box, in bytes that come over the line, index and heads of answers and all. Of what `make images` made, and
// made as that was: the line is changed in a copy of the sources, the application is built anew, its root is packed and signed anew as another version.
//
//   node test/bench/update.ts [--of agent] [--board x86-64-uefi] [--json]        root, about three minutes; which line, `CHANGES` says
//
// The slot of the box is the partition of the disk image. What comes has to be the second bundle, bit by bit.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createFetch } from '../../src/update/fetch.ts'
import { indexBeside } from '../../src/update/index-fetch.ts'
import { sha256Of } from '../../src/update/part.ts'
import { countedLine } from '../update/counted-line.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print } from './lines.ts'

const { values: options } = parseArgs({
  options: {
    of: { type: 'string', default: 'agent' },
    board: { type: 'string', default: 'x86-64-uefi' },
    json: { type: 'boolean', default: false },
  },
})
const { board } = options
/** Of the issue. */
const BYTES_MAX = 3_000_000
const CHANGES: Readonly<Record<string, { readonly file: string; readonly find: string; readonly replace: string }>> = {
  agent: { file: 'src/agent.ts', find: "'the agent is up'", replace: "'the agent is up, and says so'" },
  /** What nearly every part of the application imports. */
  core: { file: 'src/core/units.ts', find: "'a share from 0% to 100%", replace: "'a share of 0% to 100%" },
  /** Its files are called by what is in them: others that name them change too. */
  page: { file: 'src/page/words/update.en.ts', find: "'installing'", replace: "'it is being installed'" },
}
const CHANGE = CHANGES[options.of] ?? fail(`there is no line ${options.of}: ${Object.keys(CHANGES).join(', ')}`)
const VERSION = '99.0.0-development'

const root = join(import.meta.dirname, '../..')
const made = join(root, '.cache/images', board)
const work = join(made, 'one-line')
const note = noter('update')

function fail(text: string): never {
  throw new Error(text)
}

function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  return execFileSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  })
}

/** The sources with the one line changed; what is installed stands beside them as it stands beside ours, for its paths are in what is built. */
function changedSources(): string {
  const copy = join(work, 'sources')
  mkdirSync(copy)
  const names = run('git', ['ls-files', '--cached', '--others', '--exclude-standard']).trim().split('\n')
  for (const it of new Set(names.map((name) => name.split('/')[0] as string)))
    if (it !== 'test' && existsSync(join(root, it))) cpSync(join(root, it), join(copy, it), { recursive: true })
  run('cp', ['-al', `${join(root, 'node_modules')}/.`, join(copy, 'node_modules')])
  const file = join(copy, CHANGE.file)
  const text = readFileSync(file, 'utf8')
  if (text.split(CHANGE.find).length !== 2) throw new Error(`${CHANGE.file} does not have ${CHANGE.find} once`)
  writeFileSync(file, text.replace(CHANGE.find, CHANGE.replace))
  return copy
}

/** The root that was made, with the application that the changed sources give, as another version. */
function changedRoot(sources: string): string {
  const to = join(work, 'root')
  const architecture = run('bash', ['-c', `. hardware/${board}/facts.sh && echo "$architecture"`]).trim()
  const application = join(work, 'application')
  execFileSync(process.execPath, [join(sources, 'images/application.ts'), architecture, application], {
    cwd: sources,
    stdio: 'ignore',
  })
  run('cp', ['-a', join(made, 'root'), to])
  const lib = join(to, 'usr/lib/holdfast')
  for (const it of ['application', 'build', 'node_modules']) {
    rmSync(join(lib, it), { recursive: true })
    run('cp', ['-a', '--no-preserve=ownership', join(application, it), join(lib, it)])
  }
  run('sed', ['-i', `s/^IMAGE_VERSION=.*/IMAGE_VERSION=${VERSION}/`, join(to, 'usr/lib/os-release')])
  const files = ['usr/lib/holdfast/package.json', 'etc/holdfast/image.json'].map((it) => join(to, it))
  run('sed', ['-i', `s/"version": "[^"]*"/"version": "${VERSION}"/`, ...files])
  return to
}

function changedBundle(): string {
  const to = join(work, 'served', `holdfast-${board}.raucb`)
  mkdirSync(join(work, 'served'), { recursive: true })
  const image = join(work, 'rootfs.squashfs')
  // A day younger: times of files are never younger than that.
  const epoch = { SOURCE_DATE_EPOCH: String(Number(run('git', ['log', '-1', '--format=%ct'])) + 86_400) }
  run('bash', ['images/squashfs.sh', board, changedRoot(changedSources()), image], epoch)
  const [certificate, key] = ['images/keys/development.cert.pem', 'images/keys/development.key.pem']
  run('bash', ['images/bundle.sh', board, VERSION, certificate, key, image, to], epoch)
  return to
}

/** The slot of a box that was flashed, as its partition lies on the disk. */
function slotOfDisk(): string {
  const disk = openSync(join(made, 'out/disk.img'), 'r')
  const table = Buffer.alloc(34 * 512)
  readSync(disk, table, 0, table.length, 0)
  closeSync(disk)
  const [begin, size] = [Number(table.readBigUInt64LE(512 + 72)) * 512, table.readUInt32LE(512 + 84)]
  for (let at = begin; at + size <= table.length; at += size) {
    const name = table.toString('utf16le', at + 56, at + 128).replaceAll('\0', '')
    if (name !== 'rootfs-a') continue
    const [first, last] = [table.readBigUInt64LE(at + 32), table.readBigUInt64LE(at + 40)]
    const [from, to] = [join(made, 'out/disk.img'), join(work, 'slot')]
    run('dd', [`if=${from}`, `of=${to}`, 'bs=512', `skip=${first}`, `count=${last - first + 1n}`, 'conv=sparse'])
    return to
  }
  throw new Error('the disk image has no partition rootfs-a')
}

async function measure(): Promise<Line[]> {
  if (!existsSync(join(made, 'out/disk.img'))) throw new Error(`there is no image of ${board}: make images BOARD=${board}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
  try {
    note(`${CHANGE.file}: ${CHANGE.find} becomes ${CHANGE.replace} …`)
    const bundle = changedBundle()
    const device = slotOfDisk()
    const server = await countedLine(join(work, 'served'))
    const url = `${server.url}/holdfast-${board}.raucb`
    const file = join(work, 'bundle.raucb')
    const begun = performance.now()
    const source = { url, file, device, bytes: null, sha256: null, request: {}, index: { url: indexBeside(url), request: {} } }
    await createFetch(note)(source, () => undefined, AbortSignal.timeout(600_000))
    const seconds = (performance.now() - begun) / 1000
    await server.close()
    if ((await sha256Of(file)) !== (await sha256Of(bundle))) throw new Error('what came is not the bundle')
    return [
      line('P12', 'fetched for a change of one line', 'bytes', server.bytes(), [BYTES_MAX, 'the bound']),
      line('P12', 'of these the index', 'bytes', statSync(`${bundle}.index`).size),
      line('P12', 'the whole bundle', 'bytes', statSync(bundle).size),
      line('P12', 'until it was together', 's', seconds),
    ]
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

note(machine())
const lines = await measure()
print(lines, options.json)
if ((lines[0]?.value ?? Infinity) > BYTES_MAX) process.exitCode = 1
