import { render } from 'preact'
import { App } from './app.tsx'
import { askSession } from './state/session.ts'
import { loadWords } from './words/index.ts'
import { applyTheme } from './state/theme.ts'

applyTheme()
const session = askSession()
await loadWords()
render(<App />, document.getElementById('page') as HTMLElement)
await session
