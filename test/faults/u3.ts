// U3: bundles that were changed after they were signed. Bits, bytes and blocks, lengths, ends, pieces of another bundle; the updater's own look, by the real
// RAUC with what an image says of bundles. What is taken carries what was signed, to the last byte, and what is not is refused in words, whatever it is.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Unreachable } from '../../src/core/errors.ts'
import type { BundleInfo, Slots } from '../../src/update/slots.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import { canSign, judge } from '../update/judged.ts'
import { joined, partsOf } from '../update/signers.ts'
import { vendor } from '../update/signing.ts'
import type { Dice } from './dice.ts'

const FORMATS = ['verity', 'plain'] as const
const BLOCK_BYTES = 4_096
const CASES_A_ROUND = 250

interface Signed extends BundleInfo {
  readonly bundle: Buffer
}
interface Kind {
  readonly slots: Slots
  /** More than one is right: pieces of one are laid into another. */
  readonly signed: readonly Signed[]
}

export const u3: Campaign = {
  id: 'U3',
  what: 'bundles that were changed after they were signed',
  short: 500,
  long: 5_000,
  async run(round) {
    if (!canSign()) throw new Error('rauc, mksquashfs or openssl is missing')
    const by = vendor()
    try {
      const kinds = FORMATS.map((format): Kind => {
        const signed = ['2.0.0', '2.0.1'].map((version, generation): Signed => {
          const bundle = readFileSync(by.bundle({ version, generation, format }))
          return { version, generation, bundle }
        })
        return { slots: judge(round.dir, by.ca, { takesPlain: format === 'plain' }), signed }
      })
      for (const kind of kinds) await unchanged(round, kind)
      for (let n = 0; n < CASES_A_ROUND && !round.isOver(); n++) await changed(round, round.dice.oneOf(kinds))
    } finally {
      by.close()
    }
  },
}

/** Else a look that takes nothing would pass. */
async function unchanged({ dir, case: one }: Round, { slots, signed }: Kind): Promise<void> {
  const [it] = signed as [Signed]
  await one('unchanged', async () => {
    const file = join(dir, 'bundle.raucb')
    writeFileSync(file, it.bundle)
    const { version, generation } = await slots.inspect(file)
    if (version !== it.version || generation !== it.generation) throw new Error(`${version}, ${generation} was seen`)
  })
}

async function changed({ dir, dice, case: one }: Round, { slots, signed }: Kind): Promise<void> {
  const [it, other] = dice.once(2) ? (signed as [Signed, Signed]) : (signed.toReversed() as [Signed, Signed])
  const { what, bundle } = mutated(it.bundle, other.bundle, dice)
  await one(what, async () => {
    const file = join(dir, 'bundle.raucb')
    writeFileSync(file, bundle)
    const seen = await slots.inspect(file).catch((error: unknown) => error)
    if (seen instanceof Unreachable && seen.code === 'bundle-refused') return
    if (seen instanceof Error) throw seen
    const { version, generation } = seen as BundleInfo
    const known = signed.find((each) => each.version === version && each.generation === generation)
    if (!known || !partsOf(bundle).payload.equals(partsOf(known.bundle).payload))
      throw new Error(`it was taken as ${version}, and carries something else`)
  })
}

interface Mutated {
  readonly what: string
  readonly bundle: Buffer
}

type Mutation = (bundle: Buffer, other: Buffer, dice: Dice) => Buffer

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'bits of what it carries': (bundle, _, dice) => flipped(bundle, 0, partsOf(bundle).payload.length, dice),
  'bits of its first block': (bundle, _, dice) => flipped(bundle, 0, BLOCK_BYTES, dice),
  'bits of its last blocks, where the hash tree lies': (bundle, _, dice) => {
    const { length } = partsOf(bundle).payload
    return flipped(bundle, length - 4 * BLOCK_BYTES, length, dice)
  },
  'bits of its signature': (bundle, _, dice) => flipped(bundle, partsOf(bundle).payload.length, bundle.length - 8, dice),
  'bits of its length': (bundle, _, dice) => flipped(bundle, bundle.length - 8, bundle.length, dice),
  'another length': (bundle, _, dice) => {
    const { payload, signature } = partsOf(bundle)
    const near = BigInt(signature.length + dice.below(40) - 20)
    const at = dice.oneOf([near, 0n, 1n, BigInt(bundle.length), 65_536n, 65_537n, 2n ** 31n, 2n ** 32n + near, 2n ** 63n])
    return joined(payload, signature, at)
  },
  'cut short': (bundle, _, dice) => bundle.subarray(0, dice.below(bundle.length)),
  'cut short by a few bytes': (bundle, _, dice) => bundle.subarray(0, -1 - dice.below(64)),
  'its beginning cut off': (bundle, _, dice) => bundle.subarray(dice.oneOf([1, BLOCK_BYTES, 1 + dice.below(bundle.length)])),
  'bytes at its end': (bundle, _, dice) => Buffer.concat([bundle, someBytes(1 + dice.below(2 * BLOCK_BYTES), dice)]),
  'bytes before its signature': (bundle, _, dice) => {
    const { payload, signature } = partsOf(bundle)
    const more = someBytes(dice.oneOf([1, BLOCK_BYTES, 1 + dice.below(2 * BLOCK_BYTES)]), dice)
    return joined(Buffer.concat([payload, more]), signature)
  },
  'blocks taken out before its signature': (bundle, _, dice) => {
    const { payload, signature } = partsOf(bundle)
    return joined(payload.subarray(0, -BLOCK_BYTES * (1 + dice.below(4))), signature)
  },
  'bytes put in': (bundle, _, dice) => {
    const at = dice.below(bundle.length)
    return Buffer.concat([bundle.subarray(0, at), someBytes(1 + dice.below(64), dice), bundle.subarray(at)])
  },
  'bytes taken out': (bundle, _, dice) => {
    const at = dice.below(bundle.length)
    return Buffer.concat([bundle.subarray(0, at), bundle.subarray(at + 1 + dice.below(64))])
  },
  'blocks changed for each other': (bundle, _, dice) => {
    const [one, two] = [blockOf(bundle, dice), blockOf(bundle, dice)]
    const copy = Buffer.from(bundle)
    bundle.copy(copy, one, two, two + BLOCK_BYTES)
    bundle.copy(copy, two, one, one + BLOCK_BYTES)
    return copy
  },
  'a block of zeros': (bundle, _, dice) => {
    const at = blockOf(bundle, dice)
    return Buffer.from(bundle).fill(0, at, at + BLOCK_BYTES)
  },
  'blocks of another bundle': (bundle, other, dice) => {
    const copy = Buffer.from(bundle)
    const at = blockOf(bundle, dice)
    other.copy(copy, at, at, at + BLOCK_BYTES * (1 + dice.below(8)))
    return copy
  },
  'the signature of another bundle': (bundle, other) => joined(partsOf(bundle).payload, partsOf(other).signature),
  'another bundle behind it, with its own signature': (bundle, other) =>
    joined(Buffer.concat([other, bundle]), partsOf(bundle).signature),
  'two signatures': (bundle, other) => {
    const { payload, signature } = partsOf(bundle)
    return joined(payload, Buffer.concat([signature, partsOf(other).signature]))
  },
  'a piece of its signature twice': (bundle, _, dice) => {
    const { payload, signature } = partsOf(bundle)
    const at = dice.below(signature.length)
    return joined(payload, Buffer.concat([signature.subarray(0, at), signature.subarray(at - dice.below(at + 1))]))
  },
  'a signature of chance': (bundle, _, dice) =>
    joined(partsOf(bundle).payload, someBytes(partsOf(bundle).signature.length, dice)),
}

function mutated(bundle: Buffer, other: Buffer, dice: Dice): Mutated {
  const what = dice.oneOf(Object.keys(MUTATIONS))
  return { what, bundle: (MUTATIONS[what] as Mutation)(bundle, other, dice) }
}

function flipped(bundle: Buffer, from: number, to: number, dice: Dice): Buffer {
  const copy = Buffer.from(bundle)
  for (let n = 0; n <= dice.below(4); n++) {
    const at = from + dice.below(to - from)
    copy[at] = (copy[at] as number) ^ (1 << dice.below(8))
  }
  return copy
}

const blockOf = (bundle: Buffer, dice: Dice): number =>
  dice.below(Math.floor(partsOf(bundle).payload.length / BLOCK_BYTES)) * BLOCK_BYTES

const someBytes = (length: number, dice: Dice): Buffer => Buffer.from(Array.from({ length }, () => dice.below(256)))
