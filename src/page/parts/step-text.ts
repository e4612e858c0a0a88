// A step of a test in the language of this browser: what it is called, what it found, what to do. A probe's sentences are its own and are filled in
// again; what a source or an uplink says of what went wrong is said as everywhere. What nobody has a sentence for stays in its own words.
import type { TestStep } from '../../core/source.ts'
import { tFilled, tOf } from '../words/index.ts'
import { saidWords } from './said-text.ts'

export interface StepWords {
  readonly step: string
  readonly detail: string
  readonly remedy: string | undefined
  /** In its own words, where `detail` is none of them. */
  readonly original: string | undefined
}

/** As the steps are called; what stands behind the first word is a name. */
const NAMES: readonly (readonly [key: string, RegExp])[] = [
  ['server', /^server (?<name>.+)$/],
  ['port', /^port (?<name>\d+)$/],
  ['tlsWith', /^TLS with (?<name>.+)$/],
  ['retention', /^retention of (?<name>.+)$/],
]

const DETAILS: readonly (readonly [key: string, RegExp])[] = [
  ['noPing', /^this system has no ping$/],
  ['answers', /^(?<host>\S+) answers: (?<ms>\S+) ms, (?<lost>\S+) % lost$/],
  ['silent', /^(?<host>\S+) does not answer$/],
  ['noIpv4', /^answers: it knows no IPv4 address$/],
  ['open', /^open, (?<ms>[\d.]+) ms$/],
  ['certificate', /^for (?<name>.+) \((?<others>.+)\) by (?<issuer>.+)$/],
  ['valid', /^(?<from>.+ GMT) to (?<to>.+ GMT), (?<days>-?\d+) days left$/],
  ['trusted', /^an authority that this system knows has signed it/],
  ['selfSigned', /^self-signed certificate/],
  ['unknownIssuer', /^unable to (?:verify the first certificate|get local issuer certificate)/],
  ['notForIt', /^Hostname\/IP does not match certificate's altnames/],
  ['refused', /ECONNREFUSED$/],
  ['unknownName', /^(?<host>\S+): ENOTFOUND$/],
  ['noServer', /^(?<host>\S+): EAI_AGAIN$/],
  ['noWay', /(?:EHOSTUNREACH|ENETUNREACH)$/],
  ['late', /(?:no answer in time|ETIMEOUT|ETIMEDOUT|no answer to the hand-shake)$/],
  ['named', /^(?<host>\S+) is (?<found>.+)$/],
]

const REMEDIES: readonly (readonly [key: string, RegExp])[] = [
  ['name', /^is the name spelled right/],
  ['server', /^is it reachable from here/],
  ['reverse', /^many addresses have no name/],
  ['probeTcp', /^try a port: probe tcp/],
  ['firewall', /^many firewalls let no ping/],
  ['nothingListens', /^the host is there and nothing listens/],
  ['noWay', /^there is no way there/],
  ['nothingBack', /^nothing comes back/],
  ['noTls', /^does this port speak TLS/],
  ['clock', /^is the clock of this box right/],
  ['ownAuthority', /^where its authority is your own/],
]

/** `isProbe`: its sentences are known whole; those of other tests may look alike and say something else. */
export function stepWords({ step, ok, detail, remedy }: TestStep, isProbe = false): StepWords {
  const name = translated('stepName', NAMES, step) ?? tOf(`stepName.${step.replaceAll(' ', '-')}`) ?? step
  const found = isProbe ? translated('stepText', DETAILS, detail) : undefined
  if (found !== undefined || ok) {
    const advice = remedy === undefined ? undefined : (translated('stepRemedy', REMEDIES, remedy) ?? remedy)
    return { step: name, detail: found ?? detail, remedy: advice, original: undefined }
  }
  const said = saidWords({ text: detail, ...(remedy !== undefined && { remedy }) })
  return { step: name, detail: said.text, remedy: said.remedy, original: said.original }
}

function translated(kind: string, all: readonly (readonly [string, RegExp])[], text: string): string | undefined {
  for (const [key, it] of all) {
    const found = it.exec(text)
    if (found) return tFilled(`${kind}.${key}`, found.groups ?? {})
  }
  return undefined
}
