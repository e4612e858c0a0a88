// Which hardware a disk is in, by the programs of root that ship, in folders of a test: the same box for ever where it stays, whatever its firmware
// says; in other hardware nobody's, with its readings and what the agent keeps.
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmptyBox } from './empty-box.ts'
import { emptyBox } from './empty-box.ts'

/** Below /sys. `ports`: by name. */
interface Numbers {
  readonly uuid?: string
  readonly board?: string
  readonly product?: string
  readonly tree?: string
  readonly ports?: Readonly<Record<string, { address: string; type?: string; usb?: boolean }>>
}
const FIRST: Numbers = {
  uuid: '6f1c2a44-7d0b-4e7e-9a55-000000000001\n',
  board: 'BX-1001\n',
  product: 'PX-1001\n',
  ports: { enp1s0: { address: '00:00:5e:00:53:01' }, enp2s0: { address: '00:00:5e:00:53:02' } },
}
const SECOND: Numbers = {
  uuid: '6f1c2a44-7d0b-4e7e-9a55-000000000002\n',
  board: 'BX-1002\n',
  product: 'PX-1002\n',
  ports: { enp1s0: { address: '00:00:5e:00:53:11' }, enp2s0: { address: '00:00:5e:00:53:12' } },
}
/** Boards that nobody gave a number. */
const NO_NUMBERS: Numbers = {
  uuid: '03000200-0400-0500-0006-000700080009\n',
  board: 'To be filled by O.E.M.\n',
  product: 'Default string\n',
  tree: '0000000000000000\0',
  ports: {
    eth0: { address: '00:00:00:00:00:00' },
    drawn: { address: '00:00:5e:00:53:31', type: '1' },
    local: { address: '52:54:00:12:34:56' },
    stick: { address: '00:00:5e:00:53:32', usb: true },
  },
}
const OWNERS = ['access', 'network', 'time', 'iwd', 'host', 'update', 'systemd', 'log', '.hidden']
const CUTS_MAX = 100

let box: EmptyBox
const read = (path: string) => readFileSync(box.at(path), 'utf8')
const write = (path: string, text: string) => writeFileSync(box.at(path), text)
const names = (path: string) => readdirSync(box.at(path)).toSorted()

beforeEach(() => {
  box = madeBox()
})
afterEach(() => box.remove())

function madeBox(): EmptyBox {
  const it = emptyBox()
  mkdirSync(it.at('run/holdfast'), { recursive: true })
  writeFileSync(it.at('grubenv'), 'machine_id=1')
  return it
}

function hardware({ uuid, board, product, tree, ports = {} }: Numbers): void {
  rmSync(box.at('sys'), { recursive: true, force: true })
  for (const it of ['class/dmi/id', 'class/net', 'firmware/devicetree/base']) mkdirSync(box.at(`sys/${it}`), { recursive: true })
  const files = { product_uuid: uuid, board_serial: board, product_serial: product }
  for (const [name, text] of Object.entries(files)) if (text !== undefined) write(`sys/class/dmi/id/${name}`, text)
  if (tree !== undefined) write('sys/firmware/devicetree/base/serial-number', tree)
  mkdirSync(box.at('sys/class/net/lo'))
  write('sys/class/net/lo/address', '00:00:00:00:00:00\n')
  for (const [name, { address, type = '0', usb }] of Object.entries(ports)) {
    const device = box.at(`sys/devices/${usb ? 'usb1/' : 'pci0/'}${name}`)
    mkdirSync(device, { recursive: true })
    mkdirSync(box.at(`sys/class/net/${name}`))
    symlinkSync(device, box.at(`sys/class/net/${name}/device`))
    write(`sys/class/net/${name}/address`, `${address}\n`)
    write(`sys/class/net/${name}/addr_assign_type`, `${type}\n`)
  }
}

/** As a start does it; what the agent is told. */
function start(numbers?: Numbers): string {
  if (numbers) hardware(numbers)
  box.run('prepare-state')
  box.run('first-boot')
  return read('run/holdfast/hardware')
}

/** Of a box at work: what its owners made of it. */
function setUp(id: string): void {
  write('state/agent/settings.yaml', `of ${id}\n`)
  write('state/agent/identity.json', `{"id":"${id}"}\n`)
  write('state/agent/secrets.json', `secrets of ${id}`)
  for (const it of OWNERS) {
    mkdirSync(box.at(`state/${it}`), { recursive: true })
    write(`state/${it}/of`, id)
  }
  mkdirSync(box.at('state/rauc'), { recursive: true })
  write('state/rauc/minimum.json', 'least')
}

const isClaimed = () => existsSync(box.at('state/access/of'))

function isNobodys(of: string): void {
  expect(OWNERS.filter((it) => existsSync(box.at(`state/${it}/of`)))).toEqual([])
  expect(read('state/agent/identity.json')).toMatch(/^\{"id":"hf-[0-9a-f]{12}"\}\n$/)
  expect(read('state/agent/settings.yaml')).toContain('sources: []')
  expect(read('state/agent/before/settings.yaml')).toBe(`of ${of}\n`)
  expect(read('state/agent/before/identity.json')).toBe(`{"id":"${of}"}\n`)
  expect(read('state/agent/secrets.json')).toBe(`secrets of ${of}`)
  expect(read('state/rauc/minimum.json')).toBe('least')
  expect(names('state/agent')).not.toContain('before.new')
}

describe('the same hardware', () => {
  test('tells the agent one id for ever, which says nothing of the numbers; they are hashed, for root alone', () => {
    const id = start(FIRST)
    setUp('hf-one')
    expect(id).toMatch(/^[0-9a-f]{32}\n$/)
    expect(read('state/hardware').startsWith(id)).toBe(true)
    expect(read('state/hardware')).not.toMatch(/1001|5e:00/)
    expect(statSync(box.at('state/hardware')).mode & 0o777).toBe(0o600)
    const { ino } = statSync(box.at('state/hardware'))
    for (let n = 0; n < 3; n++) expect(start()).toBe(id)
    // Nor is the disk written to.
    expect(statSync(box.at('state/hardware')).ino).toBe(ino)
    expect(isClaimed()).toBe(true)
    expect(names('state/agent')).not.toContain('before')
  })

  test.each<[string, Numbers]>([
    ['another number of the product', { ...FIRST, uuid: 'aaaaaaaa-1111-2222-3333-000000000009\n' }],
    ['all that the firmware says is another', { ...FIRST, uuid: SECOND.uuid ?? '', board: 'B-9\n1', product: 'P-911\n' }],
    ['the firmware says no numbers any more', { ...NO_NUMBERS, ports: FIRST.ports ?? {} }],
    ['ports are not there yet, and one number is another', { ...FIRST, uuid: SECOND.uuid ?? '', ports: {} }],
    ['nothing can be read', {}],
    ['one number alone is known, and is another', { uuid: SECOND.uuid ?? '' }],
    ['other ports alone', { ports: SECOND.ports ?? {} }],
    [
      'another board, with a port that came along',
      { ...SECOND, ports: { ...SECOND.ports, enp9s0: { address: '00:00:5e:00:53:02' } } },
    ],
  ])('stays the same box: %s', (_, numbers) => {
    const id = start(FIRST)
    setUp('hf-one')
    expect(start(numbers)).toBe(id)
    expect(isClaimed()).toBe(true)
    expect(start(FIRST)).toBe(id)
  })

  test('a firmware that changes its numbers one after the other takes the box along, and so do exchanged ports', () => {
    const id = start({ uuid: 'aaaa-1', board: 'bbbb-1' })
    setUp('hf-one')
    for (const it of [
      { uuid: 'aaaa-2', board: 'bbbb-1' },
      { uuid: 'aaaa-2', board: 'bbbb-2' },
      { uuid: 'aaaa-3', board: 'bbbb-2' },
    ])
      expect(start(it)).toBe(id)
    expect(isClaimed()).toBe(true)
  })

  test('a port that is late is waited for where it alone says that the box is the same', () => {
    const id = start(FIRST)
    setUp('hf-one')
    hardware({ ...SECOND, ports: {} })
    mkdirSync(box.at('sys/devices/pci0/late'), { recursive: true })
    mkdirSync(box.at('late'))
    symlinkSync(box.at('sys/devices/pci0/late'), box.at('late/device'))
    write('late/address', '00:00:5e:00:53:01\n')
    write('late/addr_assign_type', '0\n')
    box.program('sleep', `[ ! -e ${box.at('late')} ] || mv ${box.at('late')} ${box.at('sys/class/net/late')}`)
    box.run('prepare-state')
    expect(read('run/holdfast/hardware')).toBe(id)
    expect(isClaimed()).toBe(true)
  })

  test('ports that come late in a start are noted later in it', () => {
    hardware({ ...FIRST, ports: {} })
    box.run('prepare-state')
    hardware(FIRST)
    box.run('first-boot')
    const id = start()
    setUp('hf-one')
    expect(start({ ...SECOND, ports: FIRST.ports ?? {} })).toBe(id)
    expect(isClaimed()).toBe(true)
  })

  test('what many boards say alike is no number of any', () => {
    start(NO_NUMBERS)
    expect(read('state/hardware').trim().split('\n')).toHaveLength(1)
    setUp('hf-one')
    start(SECOND)
    expect(isClaimed()).toBe(true)
  })

  test('numbers are kept of so much hardware, and no more: what is seen now first', () => {
    const id = start(FIRST)
    const ports = (from: number) =>
      Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`p${n}`, { address: `00:00:5e:00:${from}:${String(n + 10)}` }]))
    for (const from of [54, 55, 56]) start({ ...FIRST, ports: ports(from) })
    expect(read('state/hardware').trim().split('\n')).toHaveLength(33)
    expect(start({ ...FIRST, ports: {} })).toBe(id)
  })
})

test('a disk that takes nothing keeps no box from starting: it is as it was', () => {
  const id = start(FIRST)
  setUp('hf-one')
  for (const it of ['mv', 'rm']) box.program(it, 'exit 1')
  hardware(SECOND)
  box.run('prepare-state')
  expect(isClaimed()).toBe(true)
  for (const it of ['mv', 'rm']) rmSync(box.at(`bin/${it}`))
  expect(start()).not.toBe(id)
  isNobodys('hf-one')
})

describe('a version before, which kept no such file', () => {
  test('is the same box, under the mark that its log knows', () => {
    hardware(FIRST)
    setUp('hf-one')
    const { uuid = '', board = '' } = FIRST
    const mark = `${createHash('sha256').update(`${uuid}${board}`.replaceAll('\n', '')).digest('hex').slice(0, 32)}\n`
    expect(start()).toBe(mark)
    expect(isClaimed()).toBe(true)
    expect(start(SECOND)).not.toBe(mark)
    isNobodys('hf-one')
  })

  test('where its board says no number, the id is drawn all the same', () => {
    hardware({})
    setUp('hf-one')
    const id = start()
    expect(id).toMatch(/^[0-9a-f]{32}\n$/)
    expect(start(FIRST)).toBe(id)
    expect(isClaimed()).toBe(true)
  })

  test('a file that is damaged is laid anew: the box is the same', () => {
    start(FIRST)
    setUp('hf-one')
    write('state/hardware', '\0\0\0\0')
    start(SECOND)
    expect(isClaimed()).toBe(true)
    expect(read('state/hardware')).toMatch(/^[0-9a-f]{32}\n/)
  })
})

describe('other hardware', () => {
  test("begins as nobody's, under another name and id; what the agent keeps stays, and its settings lie beside", () => {
    const id = start(FIRST)
    setUp('hf-one')
    write('state/reset-log', '')
    const other = start(SECOND)
    expect(other).not.toBe(id)
    isNobodys('hf-one')
    // Of a reset that waits for its partition.
    expect(existsSync(box.at('state/reset-log'))).toBe(true)
    expect(start()).toBe(other)
    isNobodys('hf-one')
  })

  test('each copy has another id and name', () => {
    start(FIRST)
    setUp('hf-one')
    const told = [1, 2].map(() => {
      const copy = box
      box = madeBox()
      for (const it of ['hardware', 'agent/settings.yaml', 'agent/identity.json', 'agent/secrets.json'])
        write(`state/${it}`, readFileSync(copy.at(`state/${it}`), 'utf8'))
      const it = [start(SECOND), read('state/agent/identity.json')]
      box.remove()
      box = copy
      return it
    })
    expect(new Set(told.flat()).size).toBe(4)
  })

  test('moved twice, and nobody went on in between: what ran first lies there still', () => {
    start(FIRST)
    setUp('hf-one')
    start(SECOND)
    write('state/agent/settings.yaml', 'of nobody\n')
    const id = read('state/agent/identity.json')
    start(FIRST)
    isNobodys('hf-one')
    expect(read('state/agent/identity.json')).not.toBe(id)
  })

  test('moved twice, and somebody went on in between: what ran last lies there', () => {
    start(FIRST)
    setUp('hf-one')
    start(SECOND)
    // The agent does so.
    rmSync(box.at('state/agent/before'), { recursive: true })
    setUp('hf-two')
    start(FIRST)
    isNobodys('hf-two')
  })

  test('the network knows another machine from the next start on, once', () => {
    start(FIRST)
    setUp('hf-one')
    const text = `case "$*" in *list*) echo machine_id=1 ;; *) shift 2; echo "$*" >> ${box.at('asked')} ;; esac`
    box.program('grub-editenv', text)
    start(SECOND)
    expect(read('asked')).toMatch(/^machine_id=[0-9a-f]{32}\n$/)
    start()
    expect(read('asked').split('\n')).toHaveLength(2)
  })

  test.each(['before', 'before.new', 'settings.yaml', 'identity.json', 'before.new/settings.yaml'])(
    'a link that the agent laid leads root nowhere: %s',
    (name) => {
      start(FIRST)
      setUp('hf-one')
      mkdirSync(box.at('elsewhere'))
      write('elsewhere/settings.yaml', 'of somebody else')
      write('elsewhere/identity.json', 'of somebody else')
      if (name.includes('/')) mkdirSync(box.at('state/agent/before.new'))
      rmSync(box.at(`state/agent/${name}`), { force: true })
      const to = name.startsWith('before') && !name.includes('/') ? 'elsewhere' : 'elsewhere/settings.yaml'
      symlinkSync(box.at(to), box.at(`state/agent/${name}`))
      start(SECOND)
      expect(names('elsewhere')).toEqual(['identity.json', 'settings.yaml'])
      for (const it of names('elsewhere')) expect(read(`elsewhere/${it}`)).toBe('of somebody else')
      expect(lstatSync(box.at('state/agent/before')).isDirectory()).toBe(true)
      for (const it of ['settings.yaml', 'identity.json']) expect(lstatSync(box.at(`state/agent/${it}`)).isFile()).toBe(true)
      expect(isClaimed()).toBe(false)
    },
  )

  test('whatever the agent laid in the way, the box starts', () => {
    start(FIRST)
    setUp('hf-one')
    for (const it of ['before.new/settings.yaml/in/the/way', 'before.new/identity.json'])
      mkdirSync(box.at(`state/agent/${it}`), { recursive: true })
    start(SECOND)
    isNobodys('hf-one')
  })

  test('where the power goes at any step, the next start does the rest', { timeout: 120_000 }, () => {
    const id = start({ uuid: 'aaaa-1', board: 'bbbb-1' })
    setUp('hf-one')
    cpSync(box.at('state'), box.at('as-it-was'), { recursive: true })
    hardware({ uuid: 'aaaa-2', board: 'bbbb-2' })
    let cuts = 0
    while (cuts < CUTS_MAX) {
      rmSync(box.at('state'), { recursive: true })
      cpSync(box.at('as-it-was'), box.at('state'), { recursive: true })
      cutAt(cuts + 1)
      const signal = box.tried('prepare-state')
      cutAt(0)
      if (signal === null) break
      cuts++
      expect(start(), `cut ${cuts}`).not.toBe(id)
      isNobodys('hf-one')
    }
    // Two files are moved, nine folders go, the new file comes.
    expect(cuts).toBeGreaterThan(15)
    expect(cuts).toBeLessThan(CUTS_MAX)
  })
})

/** What changes a disk. */
const STEPS = ['mkdir', 'mv', 'rm', 'sync', 'chown']

/** The power goes before the step of that number; before none where it is 0. */
function cutAt(cut: number): void {
  const counted = box.at('steps')
  write('steps', '0')
  for (const it of STEPS) {
    const real = it === 'chown' || it === 'sync' ? ':' : join('/bin', it)
    const text = `n=$(($(cat ${counted}) + 1)); echo $n > ${counted}; [ $n != ${cut} ] || kill -9 0; ${real} "$@"`
    box.program(it, text)
  }
}
