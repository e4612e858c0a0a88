// The last value of each tag: all of them now and then, those that somebody looks at whenever they change.
import { useEffect, useState } from 'preact/hooks'
import type { LiveValue } from '../../core/operator.ts'
import { rows } from '../api/client.ts'
import { CUT, errorOf, isAbort } from '../api/errors.ts'

const AGAIN_MS = 3_000
const EVERY_MS = 1_000
const LIST_EVERY_MS = 10_000
const TAGS_MAX = 20_000
/** What came within is drawn at once. */
const GATHER_MS = 200

export interface Live {
  readonly values: ReadonlyMap<string, LiveValue>
  readonly error: unknown
}

/** Of these tags, again whenever they change. */
export function useLive(tags: readonly string[]): Live {
  const [live, set] = useState<Live>({ values: new Map(), error: undefined })
  const key = JSON.stringify(tags)
  useEffect(() => {
    if (tags.length === 0) return undefined
    const stop = new AbortController()
    const values = new Map<string, LiveValue>()
    let timer = 0
    const draw = () => {
      timer = 0
      set({ values: new Map(values), error: undefined })
    }
    const run = async (): Promise<void> => {
      try {
        for await (const it of rows('live', { tag: tags, limit: TAGS_MAX, everyMs: EVERY_MS }, stop.signal)) {
          values.set(it.tag, it)
          timer ||= window.setTimeout(draw, GATHER_MS)
        }
      } catch (error) {
        if (stop.signal.aborted || isAbort(error)) return
        // A stream that was cut is asked for anew, and said where that fails too.
        if (errorOf(error).code !== CUT) set({ values: new Map(values), error })
      }
      if (!stop.signal.aborted) window.setTimeout(() => stop.signal.aborted || void run(), AGAIN_MS)
    }
    void run()
    return () => {
      stop.abort()
      window.clearTimeout(timer)
    }
  }, [key])
  return live
}

export interface TagList {
  /** By name. */
  readonly values: readonly LiveValue[]
  readonly error: unknown
  readonly isThere: boolean
}

/** Every tag that has a value, asked again every ten seconds. */
export function useTagList(): TagList {
  const [list, set] = useState<TagList>({ values: [], error: undefined, isThere: false })
  useEffect(() => {
    const stop = new AbortController()
    let timer = 0
    const ask = async (): Promise<void> => {
      const found: LiveValue[] = []
      try {
        for await (const it of rows('live', { limit: TAGS_MAX, everyMs: 0 }, stop.signal)) found.push(it)
        set({ values: found.toSorted((a, b) => (a.tag < b.tag ? -1 : 1)), error: undefined, isThere: true })
      } catch (error) {
        if (stop.signal.aborted) return
        set((it) => ({ ...it, error }))
      }
      timer = window.setTimeout(() => void ask(), found.length === 0 ? AGAIN_MS : LIST_EVERY_MS)
    }
    void ask()
    return () => {
      stop.abort()
      window.clearTimeout(timer)
    }
  }, [])
  return list
}
