// The manual, from the box itself: a list of its pages, search in all of them, and the entry of a code.
import '../../more.css'
import { useLocation } from 'preact-iso'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { TextField } from '../../parts/field.tsx'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Language } from '../../state/preferences.ts'
import { language } from '../../state/preferences.ts'
import { t } from '../../words/index.ts'
import type { ManualPage, ManualSection } from './manual.ts'
import { pageOfCode, search } from './manual.ts'

const BASE = '/about/manual'
const LOAD: Record<Language, () => Promise<readonly ManualPage[]>> = {
  en: async () => (await import('virtual:manual/en')).default,
  de: async () => (await import('virtual:manual/de')).default,
}

export function Manual() {
  const [pages, setPages] = useState<Record<Language, readonly ManualPage[]>>()
  const [error, setError] = useState<unknown>()
  const load = () => Promise.all([LOAD.en(), LOAD.de()]).then(([en, de]) => setPages({ en, de }), setError)
  useEffect(() => void load(), [])
  if (error !== undefined) return <ErrorView error={error} retry={load} />
  return pages ? <Shown pages={pages} /> : <Waiting />
}

interface Place {
  readonly pages: readonly ManualPage[]
  readonly page: ManualPage | undefined
  readonly id: string
}

/** In the language of the page where it has the entry, else in English. */
function placeOf(pages: Record<Language, readonly ManualPage[]>, path: string, code: string | undefined, hash: string): Place {
  const own = pages[language.value]
  const name = path.slice(BASE.length + 1) || 'index'
  const find = (all: readonly ManualPage[]) => (code === undefined ? all.find((it) => it.name === name) : pageOfCode(all, code))
  const page = find(own) ?? find(pages.en)
  return { pages: page && own.includes(page) ? own : pages.en, page, id: code?.replace(/^(exception|mqtt)-\d+$/, '$1-n') ?? hash }
}

function Shown({ pages }: { readonly pages: Record<Language, readonly ManualPage[]> }) {
  const { path, query } = useLocation()
  const [words, setWords] = useState('')
  const code = query['code']
  const place = placeOf(pages, path, code, decodeURIComponent(location.hash.slice(1)))
  useEffect(() => {
    if (place.id !== '') document.getElementById(place.id)?.scrollIntoView()
  }, [place.page, place.id])
  useEffect(() => setWords(''), [path, code])
  return (
    <div class="manual">
      <nav class="manual-side" aria-label={t('manual.pages')}>
        <TextField label={t('manual.search')} type="search" value={words} onInput={setWords} />
        <PageList pages={place.pages} current={place.page} />
      </nav>
      <article class="manual-text">
        {words.trim() !== '' ? (
          <Results pages={pages} words={words} />
        ) : place.page ? (
          <PageText page={place.page} />
        ) : (
          <Empty title={t('manual.noEntry', { code: code ?? path })}>
            <a href={BASE}>{t('manual.start')}</a>
          </Empty>
        )}
      </article>
    </div>
  )
}

function PageList({ pages, current }: { readonly pages: readonly ManualPage[]; readonly current: ManualPage | undefined }) {
  return (
    <details class="manual-list" open={window.innerWidth > 960}>
      <summary>{t('manual.pages')}</summary>
      <ul>
        {pages.map((it) => (
          <li key={it.name}>
            <a href={addressOf(it)} aria-current={it === current ? 'page' : undefined}>
              {it.title}
            </a>
          </li>
        ))}
        {language.value !== 'en' && pages.length < 5 && (
          <li>
            <a href={`${BASE}/first-steps`}>{t('manual.english')}</a>
          </li>
        )}
      </ul>
    </details>
  )
}

const addressOf = (page: ManualPage, section?: ManualSection) =>
  `${BASE}${page.name === 'index' ? '' : `/${page.name}`}${section && section.id !== '' ? `#${section.id}` : ''}`

function Results({ pages, words }: { readonly pages: Record<Language, readonly ManualPage[]>; readonly words: string }) {
  const all = useMemo(() => (language.value === 'en' ? pages.en : [...pages[language.value], ...pages.en]), [pages])
  const found = search(all, words)
  if (found.length === 0) return <Empty title={t('manual.notFound', { words })} />
  return (
    <ol class="results" aria-label={t('manual.results')}>
      {found.map(({ page, section, excerpt }) => (
        <li key={addressOf(page, section)}>
          <a href={addressOf(page, section)}>{section.title}</a> <span class="quiet">{page.title}</span>
          <p>{excerpt}</p>
        </li>
      ))}
    </ol>
  )
}

function PageText({ page }: { readonly page: ManualPage }) {
  return (
    <>
      <h1>{page.title}</h1>
      {page.sections.map((it) => (
        <Section key={it.id} section={it} />
      ))}
    </>
  )
}

/** Made while the page was built, from files of the box: nothing that a user or a device has written. */
function Section({ section }: { readonly section: ManualSection }) {
  const Head = section.level === 3 ? 'h3' : 'h2'
  return (
    <section>
      {section.id !== '' && <Head id={section.id}>{section.title}</Head>}
      <div dangerouslySetInnerHTML={{ __html: section.html }} />
    </section>
  )
}
