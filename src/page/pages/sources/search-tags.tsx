import { useState } from 'preact/hooks'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Icon } from '../../parts/icon.tsx'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import { t } from '../../words/index.ts'
import type { Picking } from './picking.ts'
import { keyOf } from './picking.ts'
import { Entry } from './level.tsx'

const LIMIT = 500

export function SearchTags({ picking }: { readonly picking: Picking }) {
  const found = useRows('sources browse')
  const [words, setWords] = useState('')
  const [asked, setAsked] = useState('')
  const search = async () => {
    setAsked(words.trim())
    if (words.trim() !== '') await found.start({ name: picking.source, search: words.trim(), limit: LIMIT })
  }
  const all = found.rows.filter((it) => it.line !== undefined && !picking.isKnown(it))
  return (
    <Card>
      <form
        class="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          void search()
        }}
      >
        <TextField label={t('browser.search')} type="search" value={words} hint={t('browser.searchHint')} onInput={setWords} />
        <Button onPress={search}>
          <Icon name="search" /> {t('search')}
        </Button>
      </form>
      {found.isRunning && <Waiting />}
      {found.error !== undefined && <ErrorView error={found.error} />}
      {asked !== '' && (
        <div aria-live="polite">
          {!found.isRunning && found.error === undefined && <p>{t('browser.found', { n: found.rows.length })}</p>}
          {all.length > 1 && (
            <button type="button" onClick={() => picking.pick(all)}>
              {t('browser.pickAll', { n: all.length })}
            </button>
          )}
          <ul class="tree">
            {found.rows.map((it) => (
              <Entry key={keyOf(it)} it={it} picking={picking} isFound />
            ))}
          </ul>
        </div>
      )}
    </Card>
  )
}
