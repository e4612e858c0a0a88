// The links of a box: one for each interface that an uplink names, shared by all uplinks that name it.
import type { Grant, Route } from '../../core/admission.ts'
import type { SavedAccount } from '../../core/links.ts'
import type { Micros } from '../../core/reading.ts'
import type { LinkSettings, UplinkSettings } from '../../core/settings.ts'
import type { Account } from './account.ts'
import { openAccount } from './account.ts'
import type { Bucket } from './bucket.ts'
import { createBucket } from './bucket.ts'

export interface LinksParts {
  /** The interface's address that sockets are bound to; undefined while it is down. */
  address(name: string): string | undefined
  /** Bytes in and out that the interface has counted. */
  counter(name: string): number | undefined
  readonly boot: string
  now(): Micros
  monotonic(): number
  readonly saved: readonly SavedAccount[] | 'damaged'
  save(account: SavedAccount): Promise<void>
}

export interface Link {
  readonly name: string
  /** As of the last look. */
  address(): string | undefined
  readonly account: Account | undefined
  readonly bucket: Bucket | undefined
  /** A transaction found no room in what is left of the period that begins then. */
  tightSince: Micros | undefined
}

export interface Links {
  of(name: string): Link
  /** To be called each second. */
  look(): void
  reserve(route: Route, bytes: number): Promise<Grant | undefined>
  /** Frees what is reserved and not spent. */
  close(): Promise<void>
}

/** Bytes, of a rate or a budget, below which no transaction is begun: opening a connection alone takes some tens of kilobytes. */
export const WORTHWHILE_BYTES = 32_000

export function openLinks(uplinks: readonly UplinkSettings[], parts: LinksParts): Links {
  const byName = new Map<string, Link>()
  for (const settings of uplinks.flatMap((it) => it.links ?? []))
    if (!byName.has(settings.interface)) byName.set(settings.interface, openLink(settings, parts))

  function of(name: string): Link {
    const found = byName.get(name)
    if (!found) throw new Error(`no link is named ${name}`)
    return found
  }
  return {
    of,
    look() {
      for (const it of byName.values()) it.account?.look()
    },
    async reserve(route, bytes) {
      const link = of(route.link)
      const grant = link.account ? await link.account.reserve(bytes) : NO_ACCOUNT
      if (!grant) {
        link.tightSince = link.account?.state().start
        return undefined
      }
      return link.bucket ? taking(grant, link.bucket) : grant
    },
    async close() {
      await Promise.allSettled([...byName.values()].map((it) => it.account?.close()))
    },
  }
}

const NO_ACCOUNT: Grant = { spent: () => true, end() {} }

function openLink({ interface: name, budget, bytesPerSecondMax }: LinkSettings, parts: LinksParts): Link {
  const account =
    budget &&
    openAccount({
      interface: name,
      budget,
      counter: () => parts.counter(name),
      boot: parts.boot,
      now: parts.now,
      saved: parts.saved,
      save: parts.save,
    })
  const bucket = bytesPerSecondMax ? createBucket(bytesPerSecondMax, WORTHWHILE_BYTES, parts.monotonic) : undefined
  return { name, address: () => parts.address(name), account, bucket, tightSince: undefined }
}

function taking(grant: Grant, bucket: Bucket): Grant {
  return {
    ...grant,
    spent(bytes) {
      bucket.take(bytes)
      return grant.spent(bytes)
    },
  }
}

/** The period's budget is used up, as far as it is of any use. */
export function isSpent({ account, tightSince }: Link): boolean {
  if (!account) return false
  const { left, start } = account.state()
  return left < WORTHWHILE_BYTES || tightSince === start
}
