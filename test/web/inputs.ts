// An input for each operation, one that the agent made by hand takes.
import { ACCESS_OPERATIONS } from '../../src/web/access-operations.ts'
import { OPERATIONS } from '../../src/commands/index.ts'

const REVISION = '0'.repeat(64)
const INPUTS: Readonly<Record<string, object>> = {
  'sources test': { name: 'press-3' },
  'sources browse': { name: 'press-3', limit: 10 },
  'sources scan': { address: '10.0.0.1' },
  'sources trust': { name: 'line-1' },
  'uplinks test': { name: 'cloud' },
  'notify test': { name: 'cloud' },
  query: { tag: 'a', from: 0, to: 1, limit: 5 },
  'models add': { offset: 0, base64: 'AAAA', isLast: true },
  'models remove': { name: 'pump' },
  'rules test': { name: 'press-hot', from: 0, to: 1, limit: 10 },
  forecast: { offlineMs: 3_600_000 },
  live: { limit: 10, everyMs: 0 },
  'log ledger': { limit: 10 },
  'settings check': { text: 'version: 1\n' },
  'settings apply': { text: 'version: 1\n', base: REVISION },
  'settings confirm': { revision: REVISION },
  'settings text': { revision: REVISION },
  'backup save': { passphrase: 'five words nobody guesses' },
  'backup open': { file: '-----BEGIN AGE ENCRYPTED FILE-----', passphrase: 'x' },
  'backup restore': { file: '-----BEGIN AGE ENCRYPTED FILE-----', passphrase: 'x', base: REVISION },
  'secrets set': { name: 'cloud', text: 'x' },
  'secrets remove': { name: 'cloud' },
  'network apply': { ports: [{ interface: 'eth0', address: '10.20.1.5/24' }] },
  'clock set': { ms: 1_795_000_000_000 },
  'clock servers': { servers: ['ntp.example.com'] },
  restart: { name: 'panel' },
  'factory reset': { name: 'hf-7f3a' },
  'update install': { from: { url: 'https://updates.example.com/2.0.0.raucb' } },
  'update take': { offset: 0, base64: 'AAAA' },
  logs: { service: 'agent', level: 'info', limit: 5 },
  probe: { kind: 'dns', host: '127.0.0.1' },
  'users add': { name: 'carl', role: 'viewer', password: 'another four words' },
  'users role': { name: 'vera', role: 'viewer' },
  'users password': { name: 'carl', password: 'another four words' },
  'users remove': { name: 'carl' },
  'password change': { current: 'four words by chance', password: 'four words by chance' },
  'sessions end': { id: 'none' },
  'tokens add': { name: 'script-2', role: 'viewer', until: 4_000_000_000_000_000 },
  'tokens remove': { name: 'script-2' },
  'certificate replace': { cert: 'none' },
  'audit list': { limit: 10 },
  'access acknowledge': { code: 'none' },
}

export const ALL_OPERATIONS = [...OPERATIONS, ...ACCESS_OPERATIONS]

export const inputFor = (name: string): object => INPUTS[name] ?? {}
