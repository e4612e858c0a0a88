// What a Kafka keeps, as far as a transactional producer can tell: topics, producers, transactions, offsets. Nothing here waits or knows of sockets.
//
//   empty ─► ongoing ─► preparing (commit or abort: it is decided, markers are being written) ─► complete ─► ongoing …
//
// InitProducerId raises the epoch and aborts what is ongoing; whoever comes with an older epoch is fenced. A read_committed reader sees up to the
// last stable offset: what is before the first record of any open transaction.

export const ERRORS = {
  NONE: 0,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  UNKNOWN_PRODUCER_ID: 59,
  PRODUCER_FENCED: 90,
} as const

export interface Batch {
  readonly first: number
  readonly count: number
  readonly producer: bigint
  readonly epoch: number
  readonly isTransactional: boolean
  /** The whole batch as it was sent. */
  readonly bytes: Buffer
  /** Of its transaction; a plain batch is committed. */
  readonly fate: { is: 'open' | 'committed' | 'aborted' }
}

interface Partition {
  /** Records and the control records of ended transactions. */
  end: number
  readonly batches: Batch[]
  /** By producer: epoch and the next sequence. */
  readonly producers: Map<bigint, { epoch: number; next: number }>
}

interface Transaction {
  readonly id: string
  producer: bigint
  epoch: number
  state: 'empty' | 'ongoing' | 'preparing'
  fate: Batch['fate']
  readonly partitions: Set<string>
  /** By group and topic/partition, as they will be. */
  readonly offsets: Map<string, StoredOffset>
  readonly groups: Set<string>
  begunAt: number
  timeoutMs: number
  lastEnd: 'commit' | 'abort' | undefined
}

export interface StoredOffset {
  readonly offset: bigint
  readonly metadata: string | null
}

export interface Options {
  readonly topics: Readonly<Record<string, number>>
  /** 2: the repaired protocol. */
  readonly transactionVersion: 1 | 2
  readonly now: () => number
  /** Calls `done` once the markers of an ended transaction are written. */
  readonly writeMarkers: (done: () => void) => void
}

export type State = ReturnType<typeof newState>

export function newState({ topics, transactionVersion, now, writeMarkers }: Options) {
  const partitions = new Map<string, Partition>()
  for (const [topic, count] of Object.entries(topics))
    for (let i = 0; i < count; i++) partitions.set(`${topic}/${i}`, { end: 0, batches: [], producers: new Map() })
  const transactions = new Map<string, Transaction>()
  const offsets = new Map<string, StoredOffset>()
  let nextProducer = 1n

  const newTransaction = (id: string): Transaction => ({
    id,
    producer: -1n,
    epoch: -1,
    state: 'empty',
    fate: { is: 'open' },
    partitions: new Set(),
    offsets: new Map(),
    groups: new Set(),
    begunAt: 0,
    timeoutMs: 0,
    lastEnd: undefined,
  })

  /** Undefined when this producer may go on. */
  function refusal(it: Transaction | undefined, producer: bigint, epoch: number): number | undefined {
    if (!it || it.producer !== producer) return ERRORS.INVALID_PRODUCER_ID_MAPPING
    if (it.epoch !== epoch) return ERRORS.PRODUCER_FENCED
    return it.state === 'preparing' ? ERRORS.CONCURRENT_TRANSACTIONS : undefined
  }

  function begin(it: Transaction): void {
    if (it.state === 'ongoing') return
    it.state = 'ongoing'
    it.fate = { is: 'open' }
    it.begunAt = now()
  }

  /** Decided now; seen by readers, and over for the producer, once the markers are written. */
  function end(it: Transaction, what: 'commit' | 'abort'): void {
    it.state = 'preparing'
    it.lastEnd = what
    const { fate } = it
    writeMarkers(() => {
      fate.is = what === 'commit' ? 'committed' : 'aborted'
      for (const name of it.partitions) (partitions.get(name) as Partition).end++
      if (what === 'commit') for (const [name, stored] of it.offsets) offsets.set(name, stored)
      it.partitions.clear()
      it.offsets.clear()
      it.groups.clear()
      it.state = 'empty'
    })
  }

  function newEpoch(it: Transaction): void {
    it.epoch++
    if (it.epoch <= 32_000 && it.producer >= 0n) return
    it.producer = nextProducer++
    it.epoch = 0
  }

  const api = {
    topics: () => topics,
    partitionsOf: (topic: string) => topics[topic],
    endOf: (topic: string, partition: number) => partitions.get(`${topic}/${partition}`)?.end,
    initProducer(id: string, timeoutMs: number): { error: number; producer: bigint; epoch: number } {
      const it = transactions.get(id) ?? newTransaction(id)
      transactions.set(id, it)
      if (it.state === 'preparing') return { error: ERRORS.CONCURRENT_TRANSACTIONS, producer: -1n, epoch: -1 }
      if (it.state === 'ongoing') {
        // Whoever had it is out from now on; the new one may come when the abort is written.
        newEpoch(it)
        end(it, 'abort')
        return { error: ERRORS.CONCURRENT_TRANSACTIONS, producer: -1n, epoch: -1 }
      }
      newEpoch(it)
      Object.assign(it, { timeoutMs, lastEnd: undefined })
      return { error: ERRORS.NONE, producer: it.producer, epoch: it.epoch }
    },
    addPartitions(id: string, producer: bigint, epoch: number, names: readonly string[]): number {
      const it = transactions.get(id)
      const refused = refusal(it, producer, epoch)
      if (refused !== undefined || !it) return refused ?? ERRORS.INVALID_PRODUCER_ID_MAPPING
      if (names.some((name) => !partitions.has(name))) return ERRORS.UNKNOWN_TOPIC_OR_PARTITION
      begin(it)
      for (const name of names) it.partitions.add(name)
      return ERRORS.NONE
    },
    addOffsets(id: string, producer: bigint, epoch: number, group: string): number {
      const it = transactions.get(id)
      const refused = refusal(it, producer, epoch)
      if (refused !== undefined || !it) return refused ?? ERRORS.INVALID_PRODUCER_ID_MAPPING
      begin(it)
      it.groups.add(group)
      return ERRORS.NONE
    },
    /** `adds`: the repaired protocol, where this call adds the group by itself. */
    commitOffset(
      id: string,
      producer: bigint,
      epoch: number,
      where: { group: string; topic: string; partition: number },
      stored: StoredOffset,
      adds: boolean,
    ): number {
      const it = transactions.get(id)
      if (!it || it.producer !== producer) return ERRORS.INVALID_PRODUCER_ID_MAPPING
      // As the group's coordinator does, which knows epochs and no states.
      if (it.epoch !== epoch) return ERRORS.INVALID_PRODUCER_EPOCH
      if (adds) {
        const error = api.addOffsets(id, producer, epoch, where.group)
        if (error !== ERRORS.NONE) return error
      }
      if (it.state !== 'ongoing' || !it.groups.has(where.group)) return ERRORS.INVALID_TXN_STATE
      it.offsets.set(`${where.group} ${where.topic}/${where.partition}`, stored)
      return ERRORS.NONE
    },
    /** Whether something open may still change it: then a reader that wants a stable answer waits. */
    offsetOf(group: string, topic: string, partition: number): { stored: StoredOffset | undefined; isOpen: boolean } {
      const name = `${group} ${topic}/${partition}`
      return { stored: offsets.get(name), isOpen: [...transactions.values()].some((it) => it.offsets.has(name)) }
    },
    endTransaction(id: string, producer: bigint, epoch: number, what: 'commit' | 'abort', version: number) {
      const it = transactions.get(id)
      const same = (error: number) => ({ error, producer: it?.producer ?? -1n, epoch: it?.epoch ?? -1 })
      if (!it || it.producer !== producer) return same(ERRORS.INVALID_PRODUCER_ID_MAPPING)
      // The repaired protocol takes the same EndTxn twice: the answer was lost, and the epoch is one higher already.
      const isAgain = version >= 5 && epoch === it.epoch - 1 && it.lastEnd === what && it.state !== 'ongoing'
      if (isAgain) return it.state === 'preparing' ? same(ERRORS.CONCURRENT_TRANSACTIONS) : same(ERRORS.NONE)
      if (it.epoch !== epoch) return same(ERRORS.PRODUCER_FENCED)
      if (it.state === 'preparing') return same(it.lastEnd === what ? ERRORS.CONCURRENT_TRANSACTIONS : ERRORS.INVALID_TXN_STATE)
      if (it.state === 'empty') {
        const isRepeated = version < 5 && it.lastEnd === what
        const isEmptyAbort = version >= 5 && what === 'abort'
        if (isEmptyAbort) newEpoch(it)
        return same(isRepeated || isEmptyAbort ? ERRORS.NONE : ERRORS.INVALID_TXN_STATE)
      }
      end(it, what)
      if (version >= 5) newEpoch(it)
      return same(ERRORS.NONE)
    },
    append(id: string | null, topic: string, partition: number, bytes: Buffer, adds: boolean): { error: number; base: number } {
      const name = `${topic}/${partition}`
      const at = partitions.get(name)
      if (!at) return { error: ERRORS.UNKNOWN_TOPIC_OR_PARTITION, base: -1 }
      const [producer, epoch, sequence] = [bytes.readBigInt64BE(43), bytes.readInt16BE(51), bytes.readInt32BE(53)]
      const [count, isTransactional] = [bytes.readInt32BE(57), (bytes.readInt16BE(21) & 16) !== 0]
      const it = transactions.get(id ?? '')
      if (isTransactional && adds && it) {
        const error = api.addPartitions(it.id, producer, epoch, [name])
        if (error !== ERRORS.NONE) return { error, base: -1 }
      }
      const known = at.producers.get(producer)
      if (known && epoch < known.epoch) return { error: ERRORS.INVALID_PRODUCER_EPOCH, base: -1 }
      if (isTransactional) {
        if (!it || it.producer !== producer) return { error: ERRORS.INVALID_PRODUCER_ID_MAPPING, base: -1 }
        if (it.epoch !== epoch) return { error: ERRORS.INVALID_PRODUCER_EPOCH, base: -1 }
        if (it.state !== 'ongoing' || !it.partitions.has(name)) return { error: ERRORS.INVALID_TXN_STATE, base: -1 }
      }
      const next = known && known.epoch === epoch ? known.next : 0
      if (sequence !== next) {
        // The batch that came last, once more: answered as it was.
        const last = at.batches.at(-1)
        const isLast = last?.producer === producer && last.epoch === epoch && sequence === next - last.count
        return isLast ? { error: ERRORS.NONE, base: last.first } : { error: ERRORS.OUT_OF_ORDER_SEQUENCE_NUMBER, base: -1 }
      }
      const batch: Batch = {
        first: at.end,
        count,
        producer,
        epoch,
        isTransactional,
        bytes,
        fate: isTransactional && it ? it.fate : { is: 'committed' },
      }
      at.batches.push(batch)
      at.end += count
      at.producers.set(producer, { epoch, next: sequence + count })
      return { error: ERRORS.NONE, base: batch.first }
    },
    /** What a read_committed reader sees of a partition. */
    committed(topic: string, partition: number): readonly Batch[] {
      const all = partitions.get(`${topic}/${partition}`)?.batches ?? []
      const open = all.findIndex((it) => it.fate.is === 'open')
      return (open < 0 ? all : all.slice(0, open)).filter((it) => it.fate.is === 'committed')
    },
    /** A reader of it waits. */
    isOpen: (topic: string, partition: number) =>
      (partitions.get(`${topic}/${partition}`)?.batches ?? []).some((it) => it.fate.is === 'open'),
    /** Aborts what has taken too long, and shuts its producer out. */
    expire(): void {
      for (const it of transactions.values()) {
        if (it.state !== 'ongoing' || now() - it.begunAt < it.timeoutMs) continue
        newEpoch(it)
        end(it, 'abort')
      }
    },
    /** Faults of long absence: ids and positions that the cluster has forgotten. */
    forget: {
      transaction: (id: string) => void transactions.delete(id),
      offsets: (group: string) => {
        for (const name of offsets.keys()) if (name.startsWith(`${group} `)) offsets.delete(name)
      },
      producers: () => {
        for (const it of partitions.values()) it.producers.clear()
      },
    },
    transactionVersion,
  }
  return api
}
