// The outside of a backup: an age file (https://age-encryption.org/v1) in its text form, by a passphrase; in it gzip of what contents.ts writes.
// Where no box is at hand: age -d FILE | gunzip
import { gunzipSync, gzipSync } from 'node:zlib'
import { armor, Decrypter, Encrypter } from 'age-encryption'
import { BadInput } from '../core/errors.ts'

/** Of scrypt, 2 to the power of it: 64 MB and about a second. A file that asks for more was not made by a box, and would take its memory. */
const WORK_FACTOR = 16
const HEADER = /^age-encryption\.org\/v1\n-> scrypt [A-Za-z0-9+/]+ ([0-9]{1,9})\n/
const HEADER_BYTES = 200
const CONTENTS_BYTES_MAX = 64_000_000

export async function sealBackup(contents: string, passphrase: string): Promise<string> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  encrypter.setScryptWorkFactor(WORK_FACTOR)
  return armor.encode(await encrypter.encrypt(gzipSync(contents)))
}

/** Rejects with BadInput. */
export async function unsealBackup(file: string, passphrase: string): Promise<string> {
  const bytes = decode(file)
  const header = HEADER.exec(Buffer.from(bytes.subarray(0, HEADER_BYTES)).toString('latin1'))
  if (!header) throw wrong('file', 'is no backup of a box: it is not encrypted by a passphrase')
  if (Number(header[1]) > WORK_FACTOR)
    throw wrong('file', 'is no backup of a box: to open it would take more memory than a box may')
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase)
  return unzip(await decrypter.decrypt(bytes).catch(refuseDecrypted))
}

/** The library tells by its words alone which of the two it is: no key fits, or what the key opens is not what was written. */
function refuseDecrypted(error: unknown): never {
  if (/no identity matched/.test((error as Error).message))
    throw new BadInput([{ where: 'passphrase', text: 'does not open this backup', remedy: 'type the one it was made with' }])
  throw wrong('file', 'is damaged: it is not as it was written')
}

function decode(file: string): Uint8Array {
  try {
    return armor.decode(file)
  } catch {
    throw wrong('file', 'is no backup of a box, or is cut off')
  }
}

function unzip(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes, { maxOutputLength: CONTENTS_BYTES_MAX }).toString('utf8')
  } catch {
    throw wrong('file', 'holds something else than a backup of a box')
  }
}

function wrong(where: string, text: string): BadInput {
  return new BadInput([{ where, text, remedy: 'choose a file that was made by Backup, or by holdfast backup save' }])
}
