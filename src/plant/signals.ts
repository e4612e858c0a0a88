// A signal is a pure function of (seed, tag, n): the n-th sample can be told again at any time, without having been stored.
// That makes each reading its own proof: n comes from its time (or from the counter beside it), and the value must agree with n.
import type { RecordingName } from './recordings.ts'
import { readRecording } from './recordings.ts'

export type SignalValue = number | boolean | string

/** What a signal does. `samples…` count samples, so that a signal looks the same at any rate. */
export type SignalSpec =
  | { readonly kind: 'recording'; readonly recording: RecordingName; readonly column: string }
  | { readonly kind: 'counter'; readonly modulo?: number }
  | {
      readonly kind: 'sine'
      readonly mean: number
      readonly amplitude: number
      readonly samplesPerTurn: number
      readonly noise?: number
    }
  | { readonly kind: 'noise'; readonly mean: number; readonly spread: number }
  | { readonly kind: 'steps'; readonly levels: readonly number[]; readonly samplesEach: number }
  | { readonly kind: 'text'; readonly words: readonly string[]; readonly samplesEach: number }
  | { readonly kind: 'bool'; readonly samplesOn: number; readonly samplesOff: number }

export type SignalFunction = (n: number) => SignalValue

/** The function of a signal. `tag` makes signals of one specification differ from each other. */
export function signalOf(spec: SignalSpec, seed: number, tag: string): SignalFunction {
  const key = mix(seed ^ hashOf(tag))
  switch (spec.kind) {
    case 'recording':
      return recording(spec.recording, spec.column)
    case 'counter': {
      const modulo = spec.modulo ?? Number.MAX_SAFE_INTEGER
      return (n) => n % modulo
    }
    case 'sine':
      return sine(spec, key)
    case 'noise':
      return (n) => rounded(spec.mean + spec.spread * noiseAt(key, n))
    case 'steps':
      return (n) => spec.levels[stepAt(key, n, spec.samplesEach, spec.levels.length)] as number
    case 'text':
      return (n) => spec.words[stepAt(key, n, spec.samplesEach, spec.words.length)] as string
    case 'bool':
      return (n) => (n + key) % (spec.samplesOn + spec.samplesOff) < spec.samplesOn
  }
}

function recording(name: RecordingName, column: string): SignalFunction {
  let rows: Float64Array | undefined
  return (n) => {
    rows ??= readRecording(name, column)
    return rows[n % rows.length] as number
  }
}

function sine(spec: SignalSpec & { kind: 'sine' }, key: number): SignalFunction {
  const phase = (key % 1000) / 1000
  const noise = spec.noise ?? 0
  return (n) => {
    const turn = ((n % spec.samplesPerTurn) / spec.samplesPerTurn + phase) * 2 * Math.PI
    return rounded(spec.mean + spec.amplitude * Math.sin(turn) + noise * noiseAt(key, n))
  }
}

/** Which of `count` levels holds at sample n: it changes every `samplesEach`, in an order that the key draws. */
function stepAt(key: number, n: number, samplesEach: number, count: number): number {
  return mix(key ^ Math.floor(n / samplesEach)) % count
}

/** −1 to 1. */
function noiseAt(key: number, n: number): number {
  return mix(key + Math.imul(n, 0x9e3779b1)) / 0x7fffffff - 1
}

/** Sensors have few decimals, and a short number is cheap to write as JSON. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** A 32-bit mixing function (the finaliser of MurmurHash3). */
function mix(x: number): number {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** FNV-1a. */
function hashOf(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
