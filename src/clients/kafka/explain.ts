// From an error of kafkajs or Node to a stable code, a sentence, and what to do about it.

export interface Explained {
  readonly code: string
  readonly text: string
  readonly remedy?: string
  /** Kafka's own name of the error, where it is one: 'TOPIC_AUTHORIZATION_FAILED' … */
  readonly protocol?: string
}

/** Codes of who is not let in. */
export const DENIED: ReadonlySet<string> = new Set(['sasl-failed', 'sasl-mechanism', 'token-refused'])

type Line = readonly [code: string, text: string, remedy?: string]

const NODE: Readonly<Record<string, Line>> = {
  ENOTFOUND: ['dns', 'the name of the broker is not known', 'check the address and the DNS server of the uplink port'],
  EAI_AGAIN: ['dns', 'the DNS server does not answer', 'check the DNS server of the uplink port'],
  ECONNREFUSED: ['refused', 'nothing listens there', 'check host and port, and whether the broker runs'],
  ECONNRESET: [
    'closed',
    'the broker closed the connection',
    'check that the port is the one for this kind of access (TLS or not, SASL or not)',
  ],
  EPIPE: ['closed', 'the broker closed the connection'],
  ETIMEDOUT: ['timeout', 'no answer', 'check the route and the firewall'],
  EHOSTUNREACH: ['no-route', 'no route to the broker', 'check the address and the gateway of the uplink port'],
  ENETUNREACH: ['no-route', 'no network', 'check the cable and the address of the uplink port'],
  CERT_HAS_EXPIRED: ['tls-expired', "the broker's certificate has expired", 'renew it, or check the clock of this box'],
  CERT_NOT_YET_VALID: ['tls-expired', "the broker's certificate is not valid yet", 'check the clock of this box'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'tls-hostname',
    "the broker's certificate is for another name",
    'use the name that stands in the certificate, or set tls.serverName',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ['tls-expected', 'that port does not speak TLS', 'take the TLS port, or leave `tls` out'],
  EPROTO: ['tls-refused', 'the TLS handshake failed', 'check the TLS port and the client certificate'],
}
for (const code of [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]) {
  Object.assign(NODE, {
    [code]: [
      'tls-untrusted',
      "the broker's certificate is signed by nobody we trust",
      'set tls.ca to the certificate of its authority',
    ],
  })
}

const FENCED: Line = [
  'fenced',
  'another holder of this identity is at work',
  'make sure that no second box has the same device id and uplink name',
]
const KAFKA: Readonly<Record<string, Line>> = {
  SASL_AUTHENTICATION_FAILED: ['sasl-failed', 'the broker refuses user or password', 'check sasl.user and its secret'],
  UNSUPPORTED_SASL_MECHANISM: ['sasl-mechanism', 'the broker does not offer this SASL mechanism', 'check sasl.mechanism'],
  ILLEGAL_SASL_STATE: ['sasl-failed', 'the broker wants SASL at another moment', 'check that the port is the SASL one'],
  UNKNOWN_TOPIC_OR_PARTITION: ['topic-missing', 'the topic does not exist', 'create the topic'],
  TOPIC_AUTHORIZATION_FAILED: [
    'topic-denied',
    'we may not write to the topic',
    'allow Write and Describe on the topic (Read too on the events topic)',
  ],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [
    'transaction-denied',
    'we may not use our transactional id',
    'allow Write and Describe on the transactional id',
  ],
  GROUP_AUTHORIZATION_FAILED: ['group-denied', 'we may not use the group of our position', 'allow Read on the group'],
  CLUSTER_AUTHORIZATION_FAILED: [
    'cluster-denied',
    'the cluster does not allow idempotent writing',
    'allow IdempotentWrite on the cluster',
  ],
  MESSAGE_TOO_LARGE: ['record-too-large', 'a record is larger than the topic takes', 'raise max.message.bytes of the topic'],
  RECORD_LIST_TOO_LARGE: ['record-too-large', 'a batch is larger than the broker takes'],
  INVALID_TIMESTAMP: [
    'timestamp-refused',
    'the topic refuses the time of a record',
    'raise message.timestamp.before.max.ms or .after.max.ms',
  ],
  NOT_ENOUGH_REPLICAS: ['not-enough-replicas', 'too few replicas are in sync', 'bring the other brokers back'],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: ['not-enough-replicas', 'too few replicas are in sync', 'bring the other brokers back'],
  INVALID_REQUIRED_ACKS: ['record-refused', 'the broker refuses acks=all'],
  INVALID_RECORD: [
    'record-refused',
    'the broker refuses the records',
    'look whether the topic is compacted or validates its records',
  ],
  POLICY_VIOLATION: ['record-refused', 'a policy of the cluster refuses the records'],
  INVALID_PRODUCER_EPOCH: FENCED,
  PRODUCER_FENCED: FENCED,
  INVALID_PRODUCER_ID_MAPPING: FENCED,
}

const NAMED: Readonly<Record<string, Line>> = {
  KafkaJSSASLAuthenticationError: [
    'sasl-failed',
    'the broker refuses user or password',
    'check sasl.user, its secret and sasl.mechanism',
  ],
  KafkaJSRequestTimeoutError: ['timeout', 'the broker does not answer', 'check the link'],
  KafkaJSConnectionClosedError: [
    'closed',
    'the broker closed the connection',
    'check that the port is the one for this kind of access (TLS or not, SASL or not)',
  ],
  // The library keeps to itself why: most often an ACL on the transactional id or the group.
  KafkaJSGroupCoordinatorNotFound: [
    'no-coordinator',
    'the broker names no coordinator for our identity',
    'allow Write and Describe on the transactional id and Read on the group, both named holdfast.<device>.<uplink>; or wait until the cluster is complete',
  ],
}

export function explain(error: unknown): Explained {
  const chain = causes(error)
  const text = chain[0] ? chain[0].message : String(error)
  for (const it of chain) {
    const protocol = typeof it.type === 'string' ? it.type : undefined
    const known = protocol === undefined ? undefined : KAFKA[protocol]
    if (protocol !== undefined) return made(known ?? [protocol.toLowerCase().replaceAll('_', '-'), ''], text, protocol)
  }
  for (const it of chain) {
    const line = (typeof it.code === 'string' ? NODE[it.code] : undefined) ?? NAMED[it.name] ?? byText(it)
    if (line) return made(line, text)
  }
  return { code: 'failed', text }
}

function made(line: Line, text: string, protocol?: string): Explained {
  const [code, sentence, remedy] = line
  return {
    code,
    text: sentence ? `${sentence} (${text})` : text,
    ...(remedy === undefined ? {} : { remedy }),
    ...(protocol === undefined ? {} : { protocol }),
  }
}

function byText(error: ErrorLike): Line | undefined {
  if (typeof error.code === 'string' && error.code.startsWith('ERR_SSL_'))
    return ['tls-refused', 'the TLS handshake failed', 'check the client certificate and key']
  if (error.message === 'Connection timeout') return ['timeout', 'no connection', 'check the route and the firewall']
  if (/mechanism is not supported|is not supported by the server/.test(error.message))
    return ['sasl-mechanism', 'the broker does not offer this SASL mechanism', 'check sasl.mechanism']
  return undefined
}

type ErrorLike = Error & { type?: unknown; code?: unknown; originalError?: unknown }

function causes(error: unknown): ErrorLike[] {
  const chain: ErrorLike[] = []
  const waiting = [error]
  while (waiting.length > 0 && chain.length < 10) {
    const it = waiting.shift()
    if (!(it instanceof Error) || chain.includes(it)) continue
    chain.push(it)
    waiting.push(it.cause, (it as ErrorLike).originalError)
  }
  return chain
}
