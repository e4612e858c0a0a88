// A table of protocols as src/sources/index.ts has one: sources that count up, and do what their settings say after some readings.
import { BatchBuilder } from '../../src/core/batch.ts'
import { BadInput } from '../../src/core/errors.ts'
import type { Protocol, Source, SourceContext } from '../../src/core/source.ts'

export interface CounterSettings {
  /** Readings of this run before the trouble; none in runs after the first of the source's folder. */
  readonly after: number
  /** It tests on its own connection. */
  readonly own?: boolean
  readonly trouble: 'none' | 'throw-from-callback' | 'throw-from-read' | 'hang' | 'exit' | 'end'
}

const TROUBLES: Readonly<Record<CounterSettings['trouble'], () => void>> = {
  none() {},
  'throw-from-callback': () =>
    void setImmediate(() => {
      throw new Error('thrown by a library')
    }),
  'throw-from-read'() {
    throw new Error('thrown while reading')
  },
  hang() {
    for (;;);
  },
  exit: () => process.exit(3),
  end() {},
}

function open({ after, trouble, own }: CounterSettings, { name, origin, clock }: SourceContext): Source {
  let next = 0
  /** Looks round that are over. */
  let left = 0
  return {
    status: () => ({ state: 'up', details: { durable: next, left } }),
    async *browse({ node = 'root', search, limit }, signal) {
      if (node === 'none') throw new BadInput([{ where: 'NODE', text: 'is none', remedy: 'look above it' }])
      try {
        for (let at = 0; at < limit && !signal.aborted; at++) {
          yield { node: `${node}.${at}`, name: search ?? `entry ${at}`, isFolder: at === 0, value: null }
          if (node === 'endless') await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        left++
      }
    },
    async *trust({ fingerprint = 'none' }) {
      yield { fingerprint, subject: 'CN=x', validFrom: '', validTo: '', state: 'trusted' }
    },
    ...(own && {
      async *test() {
        yield { step: 'own connection', ok: true, detail: `reading ${next > 0}` }
      },
    }),
    async *read(signal) {
      const builder = new BatchBuilder(origin)
      const series = builder.series({ tag: name, class: 'process', kind: 'double' })
      while (!signal.aborted) {
        builder.add(series, clock.now(), next++)
        yield { batch: builder.take(clock.now()), durable() {} }
        if (next === after && trouble === 'end') return
        if (next === after) TROUBLES[trouble]()
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      // What was held when the stop came.
      builder.add(series, clock.now(), -1)
      yield { batch: builder.take(clock.now()), durable() {} }
    },
  }
}

const counter: Protocol<CounterSettings> = {
  name: 'counter',
  open,
  async *test() {
    yield { step: 'connect', ok: true, detail: 'there' }
    yield { step: 'read', ok: false, detail: 'nothing', remedy: 'wait' }
  },
}

/** Speaks with every host whose number is even, and cannot bear some. */
const askable: Protocol<CounterSettings> = {
  ...counter,
  async find(host) {
    const number = Number(host.split('.').at(-1))
    if (number === 13) throw new Error('unlucky')
    if (number === 17)
      setImmediate(() => {
        throw new Error('thrown by a library')
      })
    await new Promise((resolve) => setTimeout(resolve, 5))
    return number % 2 === 0 ? [{ address: `${host}:1`, detail: 'even', entry: { host } }] : []
  },
}

export const protocols = {
  counter: { worker: 'counter', load: async () => counter },
  askable: { worker: 'counter', load: async () => askable },
}
