// Unpacks for as long as it lives, or once. Killed by the test, again and again. Arguments: bootstrap, from, to, `once` or `follow`.
// Prints that it begins, what went wrong, and at the end its report and the most memory that it had.
import { unpackTopic } from '../../../src/uplinks/kafka/unpack/index.ts'

const [bootstrap = '', from = '', to = '', mode = 'once'] = process.argv.slice(2)
const topics = { from, to, aggregates: 'holdfast.aggregates.v1' }
process.stdout.write('up\n')
try {
  const report = await unpackTopic({
    brokers: bootstrap.split(','),
    topics,
    once: mode === 'once',
    signal: new AbortController().signal,
    onProgress: ({ transactions }) => {
      if (transactions > 0) process.stdout.write('committed\n')
    },
    onTrouble: (error) => process.stdout.write(`${error.code}\n`),
  })
  process.stdout.write(`${JSON.stringify({ ...report, maxRssKb: process.resourceUsage().maxRSS })}\n`)
  process.exit(0)
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`)
  process.exit(1)
}
