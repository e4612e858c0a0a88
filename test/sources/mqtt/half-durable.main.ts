// A process with one source: its first batch becomes durable, no other does. It says which, and waits to be killed.
import { openSource, rowReader } from './harness.ts'

const [settings = '{}', dir = '.'] = process.argv.slice(2)
const { source } = openSource(JSON.parse(settings), dir)
const toRows = rowReader()
let isFirst = true
for await (const { batch, durable } of source.read(new AbortController().signal)) {
  if (isFirst) {
    durable()
    process.stdout.write(`${JSON.stringify(toRows(batch).map((it) => it.value))}\n`)
  }
  isFirst = false
}
