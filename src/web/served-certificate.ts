// The certificate that is served now. Whoever changes it (this page, the console, a script) changes files: a look at them now and then tells.
import type { Certificates, ServedCertificate } from '../access/certificate.ts'
import type { CertificatesApi } from '../core/certificates.ts'
import type { Logger } from '../core/source.ts'

export interface Serving {
  now(): ServedCertificate
  /** What is changed by it is served when it resolves. */
  readonly api: CertificatesApi
  /** `apply` is told of another one; connections that are open go on with the one that they began with. */
  follow(apply: Apply): void
  close(): void
}

type Apply = (it: ServedCertificate) => Promise<void>

const LOOK_EVERY_MS = 1_000
/** The device's own may end soon. */
const RENEW_EVERY_MS = 3_600_000

export async function serving(certificates: Certificates, log: Logger): Promise<Serving> {
  let current = await certificates.served()
  let mark = await certificates.mark()
  let lookedAt = performance.now()
  let looking: Promise<void> | undefined
  let apply: Apply = () => Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  /** One at a time: what was read earlier never takes the place of what was read later. */
  let loading: Promise<void> = Promise.resolve()
  const load = (): Promise<void> => (loading = loading.catch(() => undefined).then(loadNow))

  async function loadNow(): Promise<void> {
    lookedAt = performance.now()
    mark = await certificates.mark()
    const next = await certificates.served()
    if (next.cert === current.cert && next.key === current.key) return
    await apply(next)
    current = next
    log.info({ fingerprint: next.fingerprint, isOwners: next.isOwners }, 'another certificate is served')
  }

  async function look(): Promise<void> {
    const isDue = performance.now() - lookedAt > RENEW_EVERY_MS
    if (isDue || (await certificates.mark()) !== mark) await load()
  }

  const loaded = async <T>(change: Promise<T>): Promise<T> => {
    const made = await change
    await load()
    return made
  }
  return {
    now: () => current,
    api: {
      show: certificates.show,
      renew: () => loaded(certificates.renew()),
      replace: (pair) => loaded(certificates.replace(pair)),
      request: certificates.request,
    },
    follow(told) {
      apply = told
      timer = setInterval(() => {
        looking ??= look()
          .catch((error: unknown) => log.error({ err: error }, 'the certificate cannot be looked at'))
          .finally(() => (looking = undefined))
      }, LOOK_EVERY_MS)
    },
    close: () => clearInterval(timer),
  }
}
