// Mail: each message by a connection of its own to one server, whose name is always checked. Taken is what the server has taken for one recipient at
// least: one address that is gone keeps nobody else waiting, and is said.
import { createHash } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { Unreachable } from '../core/errors.ts'
import type { Notification, NotifyContext, NotifyTarget } from '../core/notify.ts'
import { endStep, endSteps, unreachable } from './far-end.ts'
import type { MailSettings } from './mail-settings.ts'
import { MAIL_PORTS } from './mail-settings.ts'

const CONNECT_MS_MAX = 10_000
const SILENT_MS_MAX = 20_000
const TAKEN_MS_MAX = 120_000

export function openMail(settings: MailSettings, { device }: NotifyContext): NotifyTarget {
  const { host, tls, ca } = settings
  const port = settings.port ?? MAIL_PORTS[tls]
  const where = `${host}:${port}`
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(ca !== undefined && { ca }) },
    ...(settings.user !== undefined && { auth: { user: settings.user, pass: settings.password ?? '' } }),
    connectionTimeout: CONNECT_MS_MAX,
    greetingTimeout: CONNECT_MS_MAX,
    dnsTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENT_MS_MAX,
    // Texts of events name no files and no addresses to fetch.
    disableFileAccess: true,
    disableUrlAccess: true,
  })

  async function send({ id, title, text }: Notification, signal: AbortSignal): Promise<Unreachable | undefined> {
    const sent = transport.sendMail({
      from: { name: `Holdfast ${device}`, address: settings.from },
      to: [...settings.to],
      subject: title,
      text: `${text}\n\n${id}\n`,
      messageId: messageIdOf(id, settings.from),
      headers: { 'auto-submitted': 'auto-generated', 'x-holdfast-id': id },
    })
    const { rejected } = await orAborted(sent, AbortSignal.any([signal, AbortSignal.timeout(TAKEN_MS_MAX)])).catch(
      (error: unknown) => {
        throw ofMail(error, where)
      },
    )
    const names = (rejected ?? []).map(String)
    return names.length === 0 ? undefined : recipientsRefused(where, names)
  }

  return {
    send,
    async *test(notification, signal) {
      for await (const it of endSteps({ host, port, isEncrypted: tls === 'implicit', ca }, signal)) {
        yield it
        if (!it.ok) return
      }
      const login = await endStep('LOGIN', where, signal, async (stop) => {
        await orAborted(transport.verify(), stop).catch((error: unknown) => {
          throw ofMail(error, where)
        })
        const who = settings.user === undefined ? 'without a user' : `as ${settings.user}`
        return { ok: true, detail: `the server lets us in ${who}, ${tls === 'none' ? 'without TLS' : 'over TLS'}` }
      })
      yield login
      if (!login.ok) return
      yield await endStep('MAIL', where, signal, async (stop) => {
        const doubt = await send(notification, stop)
        if (doubt) return { ok: false, detail: doubt.message, remedy: doubt.remedy as string }
        return { ok: true, detail: `taken for ${settings.to.join(', ')}` }
      })
    },
    async close() {
      transport.close()
    },
  }
}

/** The same for what is told again: most programs of mail show it once. */
function messageIdOf(id: string, from: string): string {
  return `<${createHash('sha256').update(id).digest('hex').slice(0, 32)}@${from.slice(from.indexOf('@') + 1)}>`
}

/** The library has deadlines of its own, but a stop does not wait for them. */
function orAborted<T>(what: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    what.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function ofMail(error: unknown, where: string): Unreachable {
  const { code, responseCode, message } = error as { code?: string; responseCode?: number; message: string }
  const text = `${where}: ${message}`
  if (code === 'EAUTH')
    return new Unreachable('mail-denied', text, {
      cause: error,
      remedy: 'check user and password (secrets set NAME) against the server',
    })
  if (code === 'ETLS' || /STARTTLS/.test(message))
    return new Unreachable('no-tls', text, {
      cause: error,
      remedy: 'take tls: implicit with the port for it, or have the server offer STARTTLS',
    })
  if (responseCode === undefined) return unreachable(error, where)
  if (responseCode < 500)
    return new Unreachable('mail-busy', text, { cause: error, remedy: 'look at the server and its log; it is tried again' })
  return new Unreachable('mail-refused', text, {
    cause: error,
    remedy: 'the answer of the server says why: check from and to, and whether this box may send; it is tried again',
  })
}

function recipientsRefused(where: string, names: readonly string[]): Unreachable {
  return new Unreachable('mail-recipient', `${where}: the server does not take mail for ${names.join(', ')}`, {
    remedy: 'check these addresses; the others have got the message',
  })
}
