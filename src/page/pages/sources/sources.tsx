// /sources, /sources/new, /sources/NAME, /sources/NAME/edit, /sources/NAME/browse
import { useLocation } from 'preact-iso'
import { Lazy } from '../../parts/lazy.tsx'
import { Detail } from './detail.tsx'
import { List } from './list.tsx'

const add = async () => (await import('./add.tsx')).Add
const edit = async () => (await import('./edit.tsx')).Edit
const browse = async () => (await import('./browser.tsx')).Browser

export function Sources() {
  const [, , name = '', view = ''] = useLocation().path.split('/').map(decodeURIComponent)
  if (name === '') return <List />
  if (name === 'new' && view === '') return <Lazy load={add} />
  if (view === 'edit') return <Lazy load={edit} />
  if (view === 'browse') return <Lazy load={browse} />
  return <Detail key={name} name={name} />
}
