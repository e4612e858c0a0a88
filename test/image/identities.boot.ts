// What makes one box another than the next: the programs of the first boot on empty partitions. Beside boots, for it is too slow for `make test`.
import { createHash, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openCertificates } from '../../src/access/certificate.ts'
import { openAccess } from '../../src/access/index.ts'
import { emptyBox } from './empty-box.ts'

/** Of a box that starts on empty partitions: what root draws, then what page and console draw. */
async function drawn(): Promise<{ id: string; code: string; key: string }> {
  const it = emptyBox()
  try {
    it.run('prepare-state')
    const { id } = JSON.parse(readFileSync(it.at('data/identity.json'), 'utf8')) as { id: string }
    const access = await openAccess(it.at('data'))
    const code = access.claimCode() ?? ''
    access.close()
    const { key } = await openCertificates(it.at('data'), 'holdfast.local').served()
    const text = createPublicKey(key).export({ type: 'spki', format: 'der' })
    return { id, code, key: createHash('sha256').update(text).digest('hex') }
  } finally {
    it.remove()
  }
}

test('twenty boxes on empty partitions have twenty identities, claim codes and keys', async () => {
  const all = []
  for (let it = 0; it < 20; it++) all.push(await drawn())
  for (const { id, code } of all) {
    expect(id).toMatch(/^hf-[0-9a-f]{12}$/)
    // 64 bits at least, in letters of 5 bits.
    expect(code.replaceAll('-', '').length).toBeGreaterThanOrEqual(13)
  }
  for (const what of ['id', 'code', 'key'] as const) {
    expect(new Set(all.map((it) => it[what])).size, what).toBe(20)
    // By chance two of twenty begin with the same six digits once in 88,000 runs.
    expect(new Set(all.map((it) => it[what].replace(/^hf-/, '').slice(0, 6))).size, what).toBe(20)
  }
})
