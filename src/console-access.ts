// Users, claim code and list of what was done, as the console needs them.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Access } from './access/index.ts'
import { openAccess } from './access/index.ts'
import type { ConsoleAccess, Person } from './console/parts.ts'

const ADDRESS = 'console'
const FROM = { address: ADDRESS }
/** The owner's goes first, as the panel has it. */
const CERTIFICATES = ['owner.pem', 'own.pem']

export async function openConsoleAccess(dir: string): Promise<{ access: ConsoleAccess; close(): void }> {
  const access = await openAccess(dir)
  return {
    access: {
      isClaimed: () => access.isClaimed(),
      claimCode: () => access.claimCode(),
      claim: async (code, user, password) => personOf(access, await access.claim({ code, user, password }, FROM)),
      logIn: async (user, password) => personOf(access, await access.logIn({ user, password }, FROM)),
      resetAdmin: (code, password) => access.resetAdmin(code, password),
      audit: (what, by, detail) => access.audit({ what, by, address: ADDRESS, detail }),
      fingerprint: () => fingerprintIn(join(dir, 'access', 'tls')),
    },
    close: () => access.close(),
  }
}

function personOf(access: Access, session: Awaited<ReturnType<Access['logIn']>>): Person {
  return {
    name: session.user,
    role: session.role,
    isAlive: () => access.isAlive(session.id),
    logOut: () => access.logOut(session, ADDRESS),
  }
}

function fingerprintIn(dir: string): string | undefined {
  for (const name of CERTIFICATES) {
    try {
      return new X509Certificate(readFileSync(join(dir, name))).fingerprint256
    } catch {
      // Not there, or half written: the next one.
    }
  }
  return undefined
}
