// Small files as a tar archive (POSIX ustar): a header of 512 bytes each, contents filled up to 512, two empty blocks at the end.
const BLOCK = 512
const MODE = '0000644\0'
const NAME_BYTES_MAX = 100

export interface TarFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** `at` in seconds since 1970. Throws RangeError where a name is longer than the format's. */
export function tar(files: readonly TarFile[], at: number): Buffer {
  const parts = files.flatMap(({ name, bytes }) => [
    header(name, bytes.length, at),
    bytes,
    Buffer.alloc(-bytes.length & (BLOCK - 1)),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

function header(name: string, size: number, at: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw new RangeError(`${name} is too long for a tar archive`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, digits: number) => `${Math.floor(value).toString(8).padStart(digits, '0')}\0`
  block.write(name, 0)
  block.write(MODE, 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(at, 11), 136)
  // The sum counts its own field as blanks.
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
