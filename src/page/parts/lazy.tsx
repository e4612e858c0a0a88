// A part of the page that is fetched when it is first shown; where that fails, it says so and can be tried again.
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ErrorView, Waiting } from './states.tsx'

type Load = () => Promise<ComponentType>
const loaded = new Map<Load, ComponentType>()

export function Lazy({ load }: { readonly load: Load }) {
  const [error, setError] = useState<unknown>()
  const [, redraw] = useState(0)
  const fetchIt = () => {
    setError(undefined)
    load().then((it) => {
      loaded.set(load, it)
      redraw((turn) => turn + 1)
    }, setError)
  }
  useEffect(() => {
    if (!loaded.has(load)) fetchIt()
  }, [load])
  const It = loaded.get(load)
  if (It) return <It />
  return error === undefined ? <Waiting /> : <ErrorView error={error} retry={fetchIt} />
}
