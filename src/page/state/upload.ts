// A bundle on its way from this browser to the box, piece by piece: it goes on while other pages are looked at.
import { signal } from '@preact/signals'
import { call } from '../api/client.ts'

const PIECE_BYTES = 3_000_000

/** What of it is there; undefined: none is on its way. */
export const uploadShare = signal<number | undefined>(undefined)
/** Why the last one did not come to its end. */
export const uploadError = signal<unknown>(undefined)

/** Installed once it is there. */
export async function upload(file: File): Promise<void> {
  uploadError.value = undefined
  uploadShare.value = 0
  try {
    for (let offset = 0; offset < file.size; offset += PIECE_BYTES) {
      const piece = await file.slice(offset, offset + PIECE_BYTES).arrayBuffer()
      await call('update take', { offset, base64: base64Of(new Uint8Array(piece)) })
      uploadShare.value = Math.min(1, (offset + PIECE_BYTES) / file.size)
    }
    await call('update install', { from: { taken: true } })
  } catch (error) {
    uploadError.value = error
  } finally {
    uploadShare.value = undefined
  }
}

function base64Of(piece: Uint8Array): string {
  const CHUNK = 32_768
  let text = ''
  for (let at = 0; at < piece.length; at += CHUNK) text += String.fromCharCode(...piece.subarray(at, at + CHUNK))
  return btoa(text)
}
