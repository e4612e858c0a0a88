// Certificates of protocols, wherever one keeps them below DIR/protocols/<protocol>/pki: ours, those of far ends that are trusted, those that wait.
import { X509Certificate } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProtocolCertificate } from '../core/certificates.ts'

const FOLDERS = { own: 'own/certs', trusted: 'trusted/certs', rejected: 'rejected' } as const
const LISTED_MAX = 1_000

export async function protocolCertificates(dataDir: string): Promise<readonly ProtocolCertificate[]> {
  const root = join(dataDir, 'protocols')
  const all: ProtocolCertificate[] = []
  for (const protocol of await namesIn(root))
    for (const [state, folder] of Object.entries(FOLDERS) as [ProtocolCertificate['state'], string][])
      all.push(...(await inFolder(join(root, protocol, 'pki', folder), protocol, state)))
  return all.slice(0, LISTED_MAX)
}

async function inFolder(folder: string, protocol: string, state: ProtocolCertificate['state']): Promise<ProtocolCertificate[]> {
  const found = await Promise.all((await namesIn(folder)).map((it) => certificateIn(join(folder, it))))
  return found.flatMap((it) => (it ? [{ protocol, state, ...it }] : []))
}

async function certificateIn(file: string): Promise<Omit<ProtocolCertificate, 'protocol' | 'state'> | undefined> {
  try {
    const { fingerprint, subject, validFrom, validTo } = new X509Certificate(await readFile(file))
    const [from, to] = [validFrom, validTo].map((it) => new Date(it).toISOString()) as [string, string]
    return { fingerprint, subject: subject.replaceAll('\n', ', '), validFrom: from, validTo: to }
  } catch {
    // No certificate, or it has just been moved.
    return undefined
  }
}

const namesIn = async (dir: string) => (await readdir(dir).catch(() => [])).toSorted()
