// Changes of the certificate at the same time: whatever is read first, the one that was put there last is served.
import { expect, test } from 'vitest'
import type { Certificates, ServedCertificate } from '../../src/access/certificate.ts'
import { serving } from '../../src/web/served-certificate.ts'
import { silent } from '../local-api/hand-made-agent.ts'

const view = { fingerprint: '', isOwners: true, subject: '', names: [], validFrom: '', validTo: '', key: '' }

test('of two changes the later one is served, also when the first is read more slowly', async () => {
  let cert = 'first'
  let reads = 0
  const slow = Promise.withResolvers<void>()
  const certificates: Certificates = {
    async served(): Promise<ServedCertificate> {
      const seen = { ...view, cert }
      if (++reads === 2) await slow.promise
      return seen
    },
    show: async () => view,
    renew: async () => view,
    replace: async (pair) => {
      cert = pair.cert
      return view
    },
    request: async () => ({ request: '' }),
    mark: async () => cert,
  }
  const it = await serving(certificates, silent)
  const applied: string[] = []
  it.follow(async (next) => void applied.push(next.cert))
  const one = it.api.replace({ cert: 'second' })
  await new Promise((resolve) => setTimeout(resolve, 10))
  const other = it.api.replace({ cert: 'third' })
  await new Promise((resolve) => setTimeout(resolve, 10))
  slow.resolve()
  await Promise.all([one, other])
  it.close()
  expect(it.now().cert).toBe('third')
  expect(applied).toEqual(['second', 'third'])
})
