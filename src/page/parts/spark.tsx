// A small line of what was, from 0 to the greatest; the figure itself stands beside it.
interface Props {
  readonly values: readonly number[]
  readonly label: string
}

const WIDTH = 240
const HEIGHT = 40
const POINTS = 150

export function Spark({ values, label }: Props) {
  const top = Math.max(...values, 1e-9)
  const x = (at: number) => WIDTH - ((values.length - 1 - at) / (POINTS - 1)) * WIDTH
  const y = (value: number) => HEIGHT - 1 - (value / top) * (HEIGHT - 3)
  const line = values.map((it, at) => `${x(at).toFixed(1)},${y(it).toFixed(1)}`).join(' ')
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} class="axis" />
      {values.length > 1 && <polyline points={line} />}
    </svg>
  )
}
