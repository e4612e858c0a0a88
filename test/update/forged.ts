// What an attacker hands over, and what a vendor's mishap does: bundles that no box may take, and some that every box must.
import type { Life, Signer, Signers } from './signers.ts'
import { joined, partsOf } from './signers.ts'

const YEAR_MS = 365.25 * 86_400_000
const NOW_MS = Date.now()
const years = (count: number) => new Date(NOW_MS + count * YEAR_MS)
const life = (from: number, to: number): Life => ({ from: years(from), to: years(to) })
const moved = (date: Date, seconds: number) => new Date(date.getTime() + seconds * 1000)

export interface Cast {
  readonly ca: Signer
  readonly good: Signer
  /** Ended a year ago. */
  readonly over: Signer
  readonly overLife: Life
  /** Begins in a year: to a clock of 1970 every certificate is so. */
  readonly future: Signer
  readonly futureLife: Life
  /** By name: what no box knows, or knows for something else. */
  readonly wrong: Readonly<Record<string, Signer>>
}

const FOREIGN = 'a signer of another authority'
const BY_SIGNER = 'a signer whom a signer vouches for'
const USAGE = 'keyUsage=critical,digitalSignature'
const CODE = 'extendedKeyUsage=critical,codeSigning'

export function castOf(made: Signers): Cast {
  const ca = made.authority('ca', life(-10, 10))
  const other = made.authority('other', life(-10, 10))
  const namesake = made.authority('namesake', life(-10, 10), 'ca')
  const now = life(-1, 1)
  const good = made.signer('good', { ...now, by: ca })
  const of = (name: string, it: Partial<Parameters<Signers['signer']>[1]>) =>
    made.signer(name, { ...now, by: ca, keyOf: good, ...it })
  const [overLife, futureLife] = [life(-2, -1), life(1, 2)]
  return {
    ca,
    good,
    over: of('over', overLife),
    overLife,
    future: of('future', futureLife),
    futureLife,
    wrong: {
      [FOREIGN]: of('foreign', { by: other, keyOf: other }),
      'a signer of an authority of the same name': of('of-namesake', { by: namesake, keyOf: namesake }),
      'a signer who vouches for himself': made.signer('self-signed', { ...now, keyOf: good }),
      'the authority itself': ca,
      [BY_SIGNER]: of('made-by-signer', { by: good, keyOf: other }),
      'a certificate for servers': of('server', { extensions: ['extendedKeyUsage=critical,serverAuth', USAGE] }),
      'a certificate for mail': of('mail', { extensions: ['extendedKeyUsage=emailProtection', USAGE] }),
      'a certificate for nothing said': of('unsaid', { extensions: [USAGE] }),
      'a key that may not sign': of('cipher', { extensions: [CODE, 'keyUsage=critical,keyEncipherment'] }),
    },
  }
}

export interface Forged {
  readonly what: string
  readonly bundle: Buffer
}

/** Of one that is right, and of another that is right too. */
export function refusedOf(made: Signers, cast: Cast, bundle: Buffer, another: Buffer): Forged[] {
  const { good, over, overLife, future, futureLife } = cast
  const { payload, signature } = partsOf(bundle)
  const by = (it: Signer, at?: Date) => made.signedAgain(bundle, [it], at && { at })
  const bitAt = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] as number) ^ 1
    return copy
  }
  const all: [string, Buffer][] = [
    ['signed after its certificate had ended: now', by(over)],
    ['signed a second after its certificate had ended', by(over, moved(overLife.to, 1))],
    ['signed a second before its certificate began', by(over, moved(overLife.from, -1))],
    ['signed now, by a certificate that begins in a year', by(future)],
    ['signed after the end of one that begins in a year', by(future, moved(futureLife.to, 1))],
    ...Object.entries(cast.wrong).map(([name, it]): [string, Buffer] => [`signed by ${name}`, by(it)]),
    [
      'signed by a signer whom a signer vouches for, who is handed along',
      made.signedAgain(bundle, [cast.wrong[BY_SIGNER] as Signer], { flags: ['-certfile', good.certificate] }),
    ],
    ['signed without a time', made.signedAgain(bundle, [good], { flags: ['-noattr'] })],
    ['without the certificate', made.signedAgain(bundle, [good], { flags: ['-nocerts'] })],
    ['signed by the vendor, and by somebody else', made.signedAgain(bundle, [good, cast.wrong[FOREIGN] as Signer])],
    ['signed by somebody who is over, and by the vendor', made.signedAgain(bundle, [over, good])],
    ['without a signature', payload],
    ['a signature of no bytes', joined(payload, Buffer.alloc(0))],
    ['a signature that nobody signed', joined(payload, made.signedByNobody(good))],
    ['a signature of zeros', joined(payload, Buffer.alloc(signature.length))],
    ['a length of zero after a right signature', joined(payload, signature, 0n)],
    ['a length beyond its beginning', joined(payload, signature, 2n ** 63n)],
    ['a length of all ones', joined(payload, signature, 2n ** 64n - 1n)],
    ['a right signature over another bundle', joined(partsOf(another).payload, signature)],
    ['a right signature over less than it carries', joined(Buffer.concat([payload, Buffer.alloc(4_096, 1)]), signature)],
    ['a right signature over more than it carries', joined(payload.subarray(0, -4_096), signature)],
    ['one bit of its first byte changed', bitAt(bundle, 0)],
    ['one bit in its middle changed', bitAt(bundle, payload.length / 2)],
    ['one bit of its last block changed', bitAt(bundle, payload.length - 1)],
    ['one bit of its signature changed', bitAt(bundle, bundle.length - 9)],
    ['cut short in the middle', bundle.subarray(0, payload.length / 2)],
    ['cut short by its last byte', bundle.subarray(0, -1)],
    ['one byte more', Buffer.concat([bundle, Buffer.from([0])])],
    ['empty', Buffer.alloc(0)],
    ['seven bytes', bundle.subarray(-7)],
  ]
  return all.map(([what, it]) => ({ what, bundle: it }))
}

export function takenOf(made: Signers, { good, over, overLife, future, futureLife }: Cast, bundle: Buffer): Forged[] {
  const by = (it: Signer, at?: Date) => made.signedAgain(bundle, [it], at && { at })
  return [
    { what: 'signed now', bundle: by(good) },
    { what: 'signed while its certificate was valid, which ended a year ago', bundle: by(over, years(-1.5)) },
    { what: 'signed a second before its certificate ended', bundle: by(over, moved(overLife.to, -1)) },
    { what: 'signed in a time that the clock of the box has yet to reach', bundle: by(future, moved(futureLife.from, 1)) },
  ]
}
