import { LocationProvider } from 'preact-iso'
import { session, askSession } from './state/session.ts'
import { Lazy } from './parts/lazy.tsx'
import { ErrorView, Waiting } from './parts/states.tsx'
import { pageAt } from './pages.ts'
import { Shell } from './shell.tsx'

const entrance = async () => (await import('./pages/entrance/entrance.tsx')).Entrance

/** What will be shown first; where that fails, it is asked for again when it is shown. */
export function fetchView(): void {
  const isIn = session.value.state === 'in'
  const load = isIn ? pageAt(location.pathname)?.load : entrance
  load?.().catch(() => {})
}

export function App() {
  return (
    <LocationProvider>
      <Gate />
    </LocationProvider>
  )
}

function Gate() {
  const it = session.value
  if (it.state === 'asking') return <Waiting />
  if (it.state === 'failed') return <ErrorView error={it.error} retry={askSession} />
  return it.state === 'in' ? <Shell /> : <Lazy load={entrance} />
}
