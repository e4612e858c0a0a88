// What goes wrong between us and a broker, for a person: a stable code, what happened, and what to do.

export interface Explained {
  readonly code: string
  readonly text: string
  readonly remedy: string
}

type Row = readonly [code: string, text: string, remedy: string]

const UNTRUSTED: Row = [
  'certificate-untrusted',
  "the broker's certificate is not signed by an authority that we trust",
  'set tls.ca to the certificate of the authority that signed it',
]
const NETWORK: Row = ['unreachable', 'there is no way to the host', 'check cable, address, gateway and firewall']
const LOGIN: Row = [
  'bad-credentials',
  'the broker refuses user or password',
  'check user and password (secrets set NAME) against the broker',
]
const FORBIDDEN: Row = [
  'not-authorised',
  'the broker does not let this client in',
  "check user, password, client id and the broker's access list",
]
const PROTOCOL: Row = ['protocol-version', 'the broker does not speak this version of MQTT', 'set version: 3.1.1 or version: 5']
const CLIENT_ID: Row = [
  'client-id-refused',
  'the broker refuses the client id',
  'set another clientId, or allow this one at the broker',
]
const BUSY: Row = [
  'broker-unavailable',
  'the broker is there and says that it cannot serve now',
  'look at the broker; we try again',
]

const BY_CODE: Readonly<Record<string, Row>> = {
  ENOTFOUND: ['dns', "the host's name is not known", 'check the name in url and the name server'],
  EAI_AGAIN: ['dns', 'no name server answers', 'check the name server, or write the address instead of the name'],
  ECONNREFUSED: ['refused', 'nothing listens on the port', 'is the broker running, and is the port in url right?'],
  ETIMEDOUT: ['timeout', 'no answer', 'check address, port and firewall'],
  EHOSTUNREACH: NETWORK,
  ENETUNREACH: NETWORK,
  EADDRNOTAVAIL: NETWORK,
  ECONNRESET: ['reset', 'the far end cut the connection', 'does the port speak MQTT, with or without TLS as in url?'],
  'packet-too-large': [
    'packet-too-large',
    'the broker sent more in one packet than we take',
    'does the port speak MQTT? A larger packetBytesMax bears more',
  ],
  'packet-malformed': [
    'packet-malformed',
    'the broker sent what is no packet of MQTT',
    'does the port speak MQTT? Otherwise look at the log of the broker',
  ],
  EPIPE: ['reset', 'the far end cut the connection', 'does the port speak MQTT, with or without TLS as in url?'],
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_HAS_EXPIRED: [
    'certificate-expired',
    "the broker's certificate has expired",
    'renew it at the broker; is the clock of this box right?',
  ],
  CERT_NOT_YET_VALID: [
    'certificate-not-yet-valid',
    "the broker's certificate is not valid yet",
    'is the clock of this box right?',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'certificate-wrong-name',
    "the broker's certificate is for another host",
    'use the name in the certificate in url, or set tls.serverName to it',
  ],
}

/** CONNACK: 1 to 5 in MQTT 3.1.1, from 128 in 5. */
const BY_CONNACK: Readonly<Record<number, Row>> = {
  1: PROTOCOL,
  2: CLIENT_ID,
  3: BUSY,
  4: LOGIN,
  5: FORBIDDEN,
  132: PROTOCOL,
  133: CLIENT_ID,
  134: LOGIN,
  135: FORBIDDEN,
  136: BUSY,
  137: BUSY,
  138: FORBIDDEN,
  139: BUSY,
  140: LOGIN,
  142: ['session-taken-over', 'another client came with our client id', 'give each box and each source its own clientId'],
  151: BUSY,
  159: BUSY,
}

const BY_TEXT: readonly (readonly [RegExp, Row])[] = [
  [
    /connack timeout/,
    ['timeout', 'the broker does not answer CONNECT', 'does the port speak MQTT, with or without TLS as in url?'],
  ],
  [/Keepalive timeout/, ['timeout', 'the broker no longer answers', 'check the link; a longer keepAlive bears more']],
  [
    /certificate required|handshake failure|bad certificate|unknown ca/i,
    [
      'client-certificate-refused',
      'the broker refuses our certificate, or misses one',
      'set tls.cert and tls.key to a pair that the broker trusts',
    ],
  ],
  [
    /wrong version number|packet length too long|record layer/i,
    ['no-tls', 'the port does not speak TLS', 'take the TLS port (8883), or an mqtt:// url'],
  ],
  [
    /key values mismatch|no start line|PEM|DECODER/i,
    ['certificate-unreadable', 'ca, cert or key cannot be read, or cert and key are no pair', 'check the PEM texts'],
  ],
]

/** `where` is host:port. Anything not foreseen keeps its own words. */
export function explain(error: unknown, where: string): Explained {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const text = String(message ?? error)
  const row =
    typeof code === 'number' ? BY_CONNACK[code] : (BY_CODE[String(code)] ?? BY_TEXT.find(([pattern]) => pattern.test(text))?.[1])
  if (row) return { code: row[0], text: `${where}: ${row[1]} (${text})`, remedy: row[2] }
  return {
    code: typeof code === 'number' ? `mqtt-${code}` : 'failed',
    text: `${where}: ${text}`,
    remedy: 'look at the broker and its log',
  }
}

/** What a SUBACK's code means: 0 and 1 are granted, from 128 refused. */
export function explainSuback(code: number): string {
  if (code === 135) return 'not authorised: allow the topic for this user in the access list of the broker'
  if (code === 143) return 'the broker does not take this topic filter'
  if (code === 162) return 'the broker takes no wildcards'
  if (code === 149) return 'longer than the largest packet that the broker takes: use a wildcard'
  if (code === 151) return 'the broker has a limit for subscriptions, and it is reached'
  if (code >= 128) return `refused (${code}): mostly the access list of the broker does not allow the topic for this user`
  return `granted with QoS ${code}`
}
