import { render } from 'preact'
import { App, fetchView } from './app.tsx'
import { askSession } from './state/session.ts'
import { loadWords } from './words/index.ts'
import { applyTheme } from './state/theme.ts'

applyTheme()
// The view is fetched beside the words: each waits for a round trip of its own.
const session = askSession().then(fetchView)
await loadWords()
render(<App />, document.getElementById('page') as HTMLElement)
await session
