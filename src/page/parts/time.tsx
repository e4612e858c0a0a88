import { duration, time, utc } from '../format/time.ts'

/** Local time, UTC on hover and for who copies it. */
export function Time({ micros, isWithDate }: { readonly micros: number; readonly isWithDate?: boolean }) {
  return (
    <time dateTime={new Date(micros / 1000).toISOString()} title={utc(micros)}>
      {time(micros, isWithDate)}
    </time>
  )
}

/** How long ago, the moment itself on hover. */
export function Age({ micros }: { readonly micros: number }) {
  const seconds = Math.max(0, (Date.now() - micros / 1000) / 1000)
  return (
    <time dateTime={new Date(micros / 1000).toISOString()} title={`${time(micros, true)} · ${utc(micros)}`}>
      {duration(seconds < 60 ? Math.round(seconds) : seconds)}
    </time>
  )
}
