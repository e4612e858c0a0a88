// Writes the list of what an image is made of: node images/bill-of.ts BOARD CPU ROOT FILE
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bill, debianComponents, npmComponents } from './bill.ts'

const [board = '', cpu = '', root = '', file = ''] = process.argv.slice(2)
const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8'))
const { version } = JSON.parse(readFileSync(join(root, 'usr/lib/holdfast/package.json'), 'utf8')) as { version: string }
const debian = debianComponents(readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8'))
const npm = npmComponents(packages, cpu)
writeFileSync(file, `${JSON.stringify(bill({ name: `holdfast-${board}`, version }, [...debian, ...npm]), null, 1)}\n`)
console.log(`${debian.length} packages of Debian, ${npm.length} of npm`)
