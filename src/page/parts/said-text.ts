// What a source, an uplink or the updater says of itself, in the language of this browser: by its stable code; where it gives none, by how its own
// sentences begin. What nobody has a sentence for stays in its own words.
import { tOf } from '../words/index.ts'

export interface SaidWords {
  readonly text: string
  readonly remedy: string | undefined
  /** In its own words, where `text` is another. */
  readonly original: string | undefined
}

const SENTENCES: readonly (readonly [code: string, RegExp])[] = [
  ['refused', /^nothing listens/],
  ['timeout', /^no answer\b|does(?: not|n't) answer|no longer answers/],
  ['dns', /name of the broker is not known|DNS server does not answer|name is not known|no name server answers/],
  ['closed', /^the broker closed the connection/],
  ['reset', /^the far end cut the connection/],
  ['no-route', /^no route to|^no network\b|^there is no way to the host/],
  ['tls-expired', /^the broker's certificate (?:has expired|is not valid yet)/],
  ['tls-hostname', /^the broker's certificate is for another name/],
  ['tls-untrusted', /^the broker's certificate is signed by nobody/],
  ['tls-expected', /^that port does not speak TLS/],
  ['tls-refused', /^the TLS handshake failed/],
  ['sasl-failed', /^the broker (?:refuses user or password|wants SASL)/],
  ['sasl-mechanism', /^the broker does not offer this SASL/],
  ['topic-missing', /^the topic does not exist/],
  ['topic-denied', /^we may not write to the topic/],
  ['transaction-denied', /^we may not use our transactional id/],
  ['group-denied', /^we may not use the group/],
  ['cluster-denied', /^the cluster does not allow/],
  ['record-too-large', /^a (?:record|batch) is larger/],
  ['timestamp-refused', /^the topic refuses the time/],
  ['not-enough-replicas', /^too few replicas/],
  ['record-refused', /refuses (?:acks=all|the records)/],
  ['fenced', /^another holder of this identity/],
  ['refused', /^\S+:\d+: connect ECONNREFUSED/],
  ['dns', /^\S+:\d+: getaddrinfo /],
  ['notify-not-opened', /^it cannot be opened: /],
  ['webhook-denied', /^\S+:\d+ answers 40[13]\b/],
  ['webhook-redirect', /^\S+:\d+ answers 3\d\d\b/],
  ['webhook-busy', /^\S+:\d+ answers (?:429|5\d\d)\b/],
  ['webhook-refused', /^\S+:\d+ answers \d\d\d\b/],
  ['mail-recipient', /^\S+:\d+: the server does not take mail for/],
  ['mail-denied', /^\S+:\d+: Invalid login/],
  ['link-closed', /^\S+(?:, \S+)* (?:is|are) down$/],
  ['no-way', /^no link carries it/],
  ['window-opens', /^its window opens /],
  ['window-never', /^its window never opens|^no window names it/],
  ['budget-used', /^the budget of /],
  ['rate-used', / a second are used up$/],
  ['to-others', /^delivery gives /],
  ['update-well-but', /^the data path is well, but for /],
  ['update-well', /^the data path is well$/],
  ['update-kept', /^it was asked for and stays/],
  ['update-sick-both', /^not well in its time: .*the other slot does not boot either$/s],
  ['update-sick', /^not well in its time: /],
  ['update-not-up', /^the new version did not come up/],
  ['update-ended', /^the new version ended before/],
  ['update-trying', /^the new version shows whether/],
  ['update-rebooting', /^the box starts anew/],
  ['update-taken-back', /^taken back by /],
  ['update-fetched', /^fetched$/],
  ['update-checked', /^its signature is checked$/],
  ['update-denied', /^the update server does not let us in/],
  ['update-answer', /^the update server says what nobody|^the answer of the update server/],
  ['update-refused', /^the update server answers /],
  ['update-redirect', / sends us (?:round in a circle|to an address without TLS)$/],
  ['update-cut', /^it ended after |^after \d/],
  ['update-kind', /is not what was promised|is longer than it was said/],
  ['bundle-refused', /^the bundle is refused/],
  ['bundle-old', /which this box has had$/],
  ['update-stands', /^an update is under way/],
  ['secret-refused', /^with this secret /],
  ['install-failed', /^it could not be installed|it was exchanged/],
]

/** `code` where it is given; else the sentence tells, also where a name stands before it. */
export function saidWords(said: {
  readonly text: string
  readonly code?: string | undefined
  readonly remedy?: string | undefined
}): SaidWords {
  const own = wordsFor(said)
  const named = own.original === undefined ? /^(?<name>[\w-]+): (?<rest>.+)$/s.exec(said.text)?.groups : undefined
  if (!named || said.code !== undefined) return own
  const rest = wordsFor({ text: named['rest'] as string, remedy: said.remedy })
  return rest.original === undefined ? own : { ...rest, text: `${named['name']}: ${rest.text}`, original: said.text }
}

function wordsFor(said: Parameters<typeof saidWords>[0]): SaidWords {
  const { text, remedy } = said
  // exception-2 and mqtt-135 have a number of the protocol's own in them.
  const code = said.code?.replace(/-\d+$/, '') ?? SENTENCES.find(([, it]) => it.test(text))?.[0]
  const own = code === undefined ? undefined : tOf(`said.${code}`)
  if (own === undefined) return { text, remedy, original: undefined }
  return { text: own, remedy: tOf(`saidRemedy.${code}`) ?? remedy, original: text }
}
