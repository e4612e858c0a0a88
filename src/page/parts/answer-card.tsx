// A card of one answer: it is waited for, it failed, it is here; and it can be asked for again.
import type { ComponentChildren } from 'preact'
import { t } from '../words/index.ts'
import { Card } from './card.tsx'
import type { Asked } from './hooks.ts'
import { ErrorView, Waiting } from './states.tsx'

interface Props<T> {
  readonly title: string
  readonly asked: Asked<T>
  readonly children: (data: T) => ComponentChildren
}

export function AnswerCard<T>({ title, asked: { data, error, again }, children }: Props<T>) {
  return (
    <Card
      title={title}
      actions={
        <button type="button" onClick={again}>
          {t('refresh')}
        </button>
      }
    >
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {data === undefined && error === undefined && <Waiting />}
      {data !== undefined && children(data)}
    </Card>
  )
}
