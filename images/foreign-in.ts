// Fails with the programs of a root that are for another processor: node images/foreign-in.ts ROOT PROCESSOR     its number in ELF: 62 x86-64, 183 ARM64
import { foreignIn } from './foreign.ts'

const [root = '', processor = ''] = process.argv.slice(2)
const found = foreignIn(root, Number(processor))
for (const it of found) console.error(`for another processor: ${it}`)
process.exitCode = found.length === 0 ? 0 : 1
