// One series over time: the mean as a line, smallest and greatest as a band, so that no peak vanishes.
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { measured } from '../../format/number.ts'
import { time } from '../../format/time.ts'
import { language, locale, theme } from '../../state/preferences.ts'
import { t } from '../../words/index.ts'
import type { Series } from './series.ts'

const HEIGHT = 220

export function Chart({ series }: { readonly series: Series }) {
  const place = useRef<HTMLDivElement>(null)
  const scheme = useScheme()
  useEffect(() => {
    const it = place.current
    if (!it) return
    const { times, values, least, greatest } = series
    const plot = new uPlot(optionsOf(series, it), [[...times], [...greatest], [...least], [...values]] as uPlot.AlignedData, it)
    const size = new ResizeObserver(() => plot.setSize({ width: it.clientWidth, height: HEIGHT }))
    size.observe(it)
    return () => {
      size.disconnect()
      plot.destroy()
    }
  }, [series, scheme, theme.value, language.value])
  return (
    <figure class="chart">
      <figcaption>
        <strong>{series.tag}</strong> <span class="unit">{series.unit}</span> <span class="quiet">{textOf(series)}</span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${series.tag}: ${textOf(series)}`} />
    </figure>
  )
}

/** Changes with the system between light and dark: a canvas does not by itself. */
function useScheme(): boolean {
  const [isDark, setDark] = useState(false)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const look = () => setDark(query.matches)
    look()
    query.addEventListener('change', look)
    return () => query.removeEventListener('change', look)
  }, [])
  return isDark
}

function textOf({ values, least, greatest, unit = '', bad }: Series): string {
  const numbers = (list: readonly (number | null)[]) => list.filter((it) => it !== null)
  const [low, high, last] = [numbers(least), numbers(greatest), numbers(values).at(-1)]
  if (last === undefined) return t('log.noNumbers')
  const range = t('log.chartText', {
    last: `${measured(last)} ${unit}`.trim(),
    least: measured(low.reduce((min, it) => Math.min(min, it), Infinity)),
    greatest: measured(high.reduce((max, it) => Math.max(max, it), -Infinity)),
  })
  return bad > 0 ? `${range}; ${t('log.badRows', { n: bad })}` : range
}

function optionsOf({ unit = '' }: Series, place: HTMLElement): uPlot.Options {
  const style = getComputedStyle(place)
  // A canvas takes no light-dark(): what the browser makes of it for a mark on the page.
  const colour = (name: string) => resolved(place, name) || style.color
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  }
  const text = (_: uPlot, it: number | null) => (it === null ? '—' : measured(it))
  return {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { x: { time: true } },
    legend: { show: true },
    axes: [
      { ...axis, values: (_, marks) => marks.map((it, at) => timeMark(it, marks[at - 1])) },
      { ...axis, size: 64, values: (_, marks) => marks.map((it) => measured(it)) },
    ],
    // The band first: the line stands on it.
    series: [
      { label: t('log.time'), value: (_, it) => (it === null ? '—' : time(it * 1e6, true)) },
      { label: t('log.greatest'), stroke: 'transparent', value: text, points: { show: false } },
      { label: t('log.least'), stroke: 'transparent', value: text, points: { show: false } },
      {
        label: t('log.value'),
        stroke: colour('--main'),
        width: 2,
        value: (_, it) => (it === null ? '—' : `${measured(it)} ${unit}`),
      },
    ],
    bands: [{ series: [1, 2], fill: colour('--raw-ground') }],
  }
}

/** The hour of each mark; the date where it is another one than before. */
function timeMark(seconds: number, before: number | undefined): string {
  const at = new Date(seconds * 1_000)
  const day = (it: Date) => it.toLocaleDateString(locale(), { day: 'numeric', month: 'short' })
  const hour = at.toLocaleTimeString(locale(), {
    hour: '2-digit',
    minute: '2-digit',
    second: at.getSeconds() === 0 ? undefined : '2-digit',
  } as Intl.DateTimeFormatOptions)
  return before !== undefined && day(new Date(before * 1_000)) === day(at) ? hour : `${hour}\n${day(at)}`
}

function resolved(place: HTMLElement, name: string): string {
  const mark = document.createElement('span')
  mark.style.color = `var(${name})`
  place.append(mark)
  const { color } = getComputedStyle(mark)
  mark.remove()
  return color
}
