// Mistakes with events that nobody heard or that are told again, with certificates, and with a session that is gone.
import type { Fault } from './fault.ts'

export const OPCUA_FAULTS: readonly Fault[] = [
  {
    id: 'opcua-session-gone',
    file: 'src/sources/opcua/messages.ts',
    find: "  if (!inside.hasSession) return Promise.resolve('later')\n",
    replace: '',
    why: 'a message that is late when its session goes takes the thread of the protocol with it',
    caughtBy: ['test/sources/opcua/leaves.test.ts > the session is gone by then'],
  },
  {
    id: 'opcua-events-unnamed',
    file: 'src/sources/opcua/session.ts',
    find: '      loseEvents(run, lostAt)\n',
    replace: '',
    why: 'alarms of the time without a session are missing, and nothing says so',
    caughtBy: ['test/sources/opcua/events.test.ts > an agent that was away'],
  },
  {
    id: 'opcua-refresh-twice',
    file: 'src/sources/opcua/events.ts',
    find: '  if (isSeen(state, id, given)) return\n',
    replace: '',
    why: 'each refresh tells every alarm once more',
    caughtBy: ['test/sources/opcua/events.test.ts > node-opcua: an alarm'],
  },
  {
    id: 'opcua-events-any-severity',
    file: 'src/sources/opcua/events.ts',
    find: 'severity.value < state.tag.severity) return',
    replace: 'severity.value < 1) return',
    why: 'a server that refuses the filter floods the log with what nobody asked for',
    caughtBy: ['test/sources/opcua/events.test.ts > a server without filters'],
  },
  {
    id: 'opcua-trust-by-two-digits',
    file: 'src/sources/opcua/trust.ts',
    find: 'wanted.length < DIGITS_MIN',
    replace: "wanted === ''",
    why: 'a certificate that only begins like the right one is trusted',
    caughtBy: ['test/sources/opcua/security.test.ts > the trust list'],
  },
  {
    id: 'opcua-authority-any-host',
    file: 'src/sources/opcua/certificates.ts',
    find: "if (String(verdict) !== 'Good' || isForHost(certificate, this.#host)) return verdict",
    replace: "if (String(verdict) !== 'Good' || isForHost(certificate, this.#host) || this.#host !== '') return verdict",
    why: 'whoever holds any certificate of the plant can stand in for each of its servers',
    caughtBy: ['test/sources/opcua/security.test.ts > and for no other host'],
  },
]
