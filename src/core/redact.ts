// Secrets out of texts that leave the box. What the settings name is never in a text of ours; this is for what slipped into an address, a log line, a pasted key.
const REMOVED = '[removed]'
const SECRET_CHARS_MIN = 4
const KEY = String.raw`(?:pass(?:word|wd|phrase)?|token|pin|api[-_]?key|private[-_]?key|client[-_]?secret|authorization|cookie)`
/** In the settings `{ secret: NAME }` is a name, and is wanted. */
const SECRET = String.raw`(?<!\{\s*)secret`

// No pattern may look at a long text again from each of its places: what a device says stands in these texts, and the panel does nothing else meanwhile.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, REMOVED],
  [/AGE-SECRET-KEY-1[0-9A-Z]+/gi, REMOVED],
  // scheme://user:password@host
  [/\b([a-z][a-z0-9+.-]{0,31}:\/\/)[^\s/@"']+@/gi, `$1${REMOVED}@`],
  [/\b(Basic|Bearer)\s+[A-Za-z0-9+/_.~=-]{6,}/gi, `$1 ${REMOVED}`],
  // "password": "…", password=…, password: … ; what says only a name ({ secret: NAME }) stays.
  [new RegExp(String.raw`("[\w.-]{0,64}(?:${KEY}|secret)[\w.-]{0,64}"\s*:\s*)"(?:[^"\\]|\\.)*"`, 'gi'), `$1"${REMOVED}"`],
  [
    new RegExp(
      String.raw`((?:${KEY}|\b${SECRET})\b\s{0,64}[=:]\s{0,64})(?!\{|\[removed\]|"?\s*$|[|>]|&|\*)("[^"\n]*"|'[^'\n]*'|[^\s,;}]+)`,
      'gim',
    ),
    `$1${REMOVED}`,
  ],
]

type Clean = (text: string) => string

/** `secrets`: texts that must not stay, whatever is around them. */
export function withoutSecrets(secrets: readonly string[]): Clean {
  const known = secrets
    .filter((it) => it.length >= SECRET_CHARS_MIN)
    .flatMap(formsOf)
    .toSorted((a, b) => b.length - a.length)
  return (text) => known.reduce((rest, secret) => rest.replaceAll(secret, REMOVED), text)
}

/** What looks like one: by the word before it, by its form. */
export function withoutSecretLooking(text: string): string {
  return PATTERNS.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text)
}

/** As it stands, in an address and a form, in JSON, in Base64, line by line where it has several. */
function formsOf(secret: string): string[] {
  const lines = secret.split('\n').filter((it) => it.length >= 16 && !it.startsWith('-----'))
  const inJson = JSON.stringify(secret).slice(1, -1)
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1)
  const inBase64 = (['base64', 'base64url'] as const).map((it) => Buffer.from(secret).toString(it))
  return [...new Set([secret, encodeURIComponent(secret), inForm, inJson, ...inBase64, ...lines])]
}
