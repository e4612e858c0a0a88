// A clock without a battery begins where its time was kept last: when systemd-timesyncd starts, before anything checks a certificate, it sets the
// system's clock forward to the time of this file. It writes the file itself where a time server answers, and nobody does elsewhere.
import { lutimes, lstat } from 'node:fs/promises'

/** Now is kept, unless a later time was: `asSet`, by a person, whatever was. Without the file there is nobody who would go by it. */
export async function keepTime(file: string, asSet: 'asSet' | undefined = undefined): Promise<void> {
  const kept = await lstat(file).catch(() => undefined)
  const now = new Date()
  if (!kept || (asSet === undefined && kept.mtimeMs > now.getTime())) return
  await lutimes(file, now, now)
}
