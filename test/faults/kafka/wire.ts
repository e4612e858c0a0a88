// Calls of Kafka's administration that kafkajs has not: quotas of a client, and the password of a SCRAM user.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import net from 'node:net'
import { frameSplitter } from './frames.ts'

const ITERATIONS = 4_096
const SHA_256 = 1
const ALTER_CLIENT_QUOTAS = 49
const ALTER_USER_SCRAM = 51

const int8 = (n: number) => Buffer.from([n])
const int16 = (n: number) => Buffer.from([n >> 8, n & 255])
const int32 = (n: number) => Buffer.concat([int16(n >>> 16), int16(n & 0xffff)])
const text = (it: string) => Buffer.concat([int16(Buffer.byteLength(it)), Buffer.from(it)])
const compact = (it: Uint8Array | string) => Buffer.concat([int8(Buffer.from(it).length + 1), Buffer.from(it)])
const NO_TAGS = int8(0)
function float64(n: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(n)
  return bytes
}

/** Bytes a second that clients of this id may produce; undefined: as many as they like. */
export async function setQuota(bootstrap: string, clientId: string, bytesPerS: number | undefined): Promise<void> {
  const entity = [int32(1), text('client-id'), text(clientId)]
  const operation = [int32(1), text('producer_byte_rate'), float64(bytesPerS ?? 0), int8(bytesPerS === undefined ? 1 : 0)]
  const answer = await call(bootstrap, ALTER_CLIENT_QUOTAS, 1, Buffer.concat([int32(1), ...entity, ...operation, int8(0)]))
  // Correlation, throttle, one entry.
  const error = answer.readInt16BE(12)
  if (error !== 0) throw new Error(`the quota was refused with error ${error}`)
}

/** SCRAM-SHA-256; undefined: the user has none any more. */
export async function setPassword(bootstrap: string, user: string, password: string | undefined): Promise<void> {
  const salt = randomBytes(16)
  const gone = password === undefined ? [int8(2), compact(user), int8(SHA_256), NO_TAGS] : [int8(1)]
  const salted = pbkdf2Sync(password ?? '', salt, ITERATIONS, 32, 'sha256')
  const set =
    password === undefined
      ? [int8(1)]
      : [int8(2), compact(user), int8(SHA_256), int32(ITERATIONS), compact(salt), compact(salted), NO_TAGS]
  const answer = await call(bootstrap, ALTER_USER_SCRAM, 2, Buffer.concat([...gone, ...set, NO_TAGS]))
  // Correlation, tags, throttle, one entry: user, error.
  const error = answer.readInt16BE(4 + 1 + 4 + 1 + 1 + Buffer.byteLength(user))
  if (error !== 0) throw new Error(`the password was refused with error ${error}`)
}

/** Version 0 of a call; the header of version 2 ends with tags. */
function call(bootstrap: string, api: number, header: 1 | 2, body: Buffer): Promise<Buffer> {
  const [host = '', port = ''] = bootstrap.split(':')
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port: Number(port) })
    const split = frameSplitter()
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('no answer')))
    socket.on('data', (chunk) => {
      for (const frame of split(chunk)) {
        resolve(frame.subarray(4))
        socket.destroy()
      }
    })
    const head = [int16(api), int16(0), int32(7), text('test'), ...(header === 2 ? [NO_TAGS] : [])]
    const frame = Buffer.concat([...head, body])
    socket.write(Buffer.concat([int32(frame.length), frame]))
  })
}
