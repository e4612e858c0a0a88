// A short list of our own: what is tried first on a device of this kind, not what was ever found in a leak.
const WORDS = [
  'password passwort passw0rd kennwort geheim secret admin administrator root toor user guest default changeme change letmein welcome login master',
  'monkey dragon football baseball superman batman iloveyou sunshine princess shadow michael jordan hunter trustno1 whatever starwars computer',
  'internet samsung google facebook qwerty qwertz qwertyuiop qwertzuiop asdfgh asdfghjkl yxcvbnm zxcvbnm azerty abc abcd abcde abcdef abcdefgh',
  'holdfast gateway edge industrial siemens simatic s7 plc scada modbus opcua kafka mqtt profinet moxa teltonika technician techniker engineer',
  'service support operator maintenance wartung anlage maschine fabrik factory plant test testing temp demo system server network router',
  'hallo schatz sommer winter herbst fruehling spring summer autumn januar montag monday freitag friday berlin hamburg muenchen deutschland germany',
]
  .join(' ')
  .split(' ')

const COMMON: ReadonlySet<string> = new Set(WORDS.map(plain))

/** Words with digits, signs and years at their ends; runs and repetitions; the user's own name; the like. */
export function isCommon(password: string, user: string): boolean {
  const lower = password.toLowerCase()
  const stem = plain(lower.replaceAll(/^[\d\W_]+|[\d\W_]+$/g, ''))
  const letters = plain(lower).replaceAll(/[\W_]/g, '')
  if (stem === '' && isRun(lower)) return true
  return (
    COMMON.has(stem) ||
    COMMON.has(letters) ||
    isTwice(letters) ||
    isRun(lower) ||
    (user !== '' && stem === plain(user.toLowerCase()))
  )
}

/** `P@ssw0rd` is `password`. */
function plain(text: string): string {
  const signs: Readonly<Record<string, string>> = {
    '@': 'a',
    '4': 'a',
    '3': 'e',
    '1': 'i',
    '!': 'i',
    '0': 'o',
    $: 's',
    '5': 's',
    '7': 't',
  }
  return [...text].map((it) => signs[it] ?? it).join('')
}

/** `adminadmin`: a word again and again. */
function isTwice(letters: string): boolean {
  for (const word of COMMON) if (word.length > 1 && letters === word.repeat(letters.length / word.length || 1)) return true
  return false
}

/** At most two different steps between neighbours: `11111111`, `12345678`, `87654321`, `abcdefgh`, `12121212`. */
function isRun(text: string): boolean {
  const codes = [...text].map((it) => it.codePointAt(0) ?? 0)
  const steps = new Set(codes.slice(1).map((code, at) => code - (codes[at] ?? 0)))
  const step = [...steps][0] ?? 0
  return steps.size === 1 ? Math.abs(step) <= 1 : new Set(codes).size <= 2
}
