// What the services of the box write of themselves, by service, weight and words.
import { useState } from 'preact/hooks'
import type { LinesRequest, ServiceLine } from '../../../core/operator.ts'
import { LINE_LEVELS, LOG_SERVICES } from '../../../core/operator.ts'
import type { Tone } from '../../parts/badge.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { useRows } from '../../parts/hooks.ts'
import { Empty, ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { t } from '../../words/index.ts'

const FIRST: LinesRequest = { service: 'agent', level: 'info', text: '', limit: 100 }
const MORE = 5
const LIMIT_MAX = 5_000
const TONES: Readonly<Record<ServiceLine['level'], Tone>> = { error: 'problem', warning: 'attention', info: 'info', debug: 'off' }

export function Logs() {
  const [asked, setAsked] = useState(FIRST)
  const { rows, error, isRunning, isAnswered, start } = useRows('logs', true)
  const change = (it: Partial<LinesRequest>) => setAsked({ ...asked, ...it, limit: FIRST.limit })
  const more = () => {
    const wider = { ...asked, limit: Math.min(LIMIT_MAX, asked.limit * MORE) }
    setAsked(wider)
    return start(wider)
  }
  const isCut = isAnswered && rows.length === asked.limit && asked.limit < LIMIT_MAX
  return (
    <Card title={t('diagnostics.logs')}>
      <p class="quiet">{t('diagnostics.logsAbout')}</p>
      <form onSubmit={(event) => event.preventDefault()}>
        <div class="fields">
          <SelectField
            label={t('diagnostics.service')}
            value={asked.service}
            choices={LOG_SERVICES.map((value) => ({ value, text: t(`diagnostics.service.${value}`) }))}
            onInput={(it) => change({ service: it as LinesRequest['service'] })}
          />
          <SelectField
            label={t('diagnostics.level')}
            value={asked.level}
            choices={LINE_LEVELS.map((value) => ({ value, text: t(`diagnostics.level.${value}`) }))}
            onInput={(it) => change({ level: it as LinesRequest['level'] })}
          />
          <TextField
            label={t('diagnostics.words')}
            type="search"
            value={asked.text}
            onInput={(text) => change({ text: text.slice(0, 200) })}
          />
        </div>
        <Button kind="main" type="submit" onPress={() => start(asked)}>
          {t('diagnostics.show')}
        </Button>
      </form>
      {isRunning && rows.length === 0 && <Waiting />}
      {error !== undefined && <ErrorView error={error} />}
      {isAnswered && !isRunning && rows.length === 0 && <Empty title={t('diagnostics.noLines')} />}
      {rows.length > 0 && (
        <Table
          caption={t('diagnostics.logs')}
          columns={columns()}
          rows={rows.map((it, n) => ({ ...it, n }))}
          keyOf={(it) => String(it.n)}
        />
      )}
      {isCut && <Button onPress={more}>{t('diagnostics.showMore')}</Button>}
    </Card>
  )
}

const columns = (): Column<ServiceLine & { readonly n: number }>[] => [
  { key: 'at', title: t('diagnostics.when'), cell: (it) => <Time micros={it.at} isWithDate /> },
  {
    key: 'level',
    title: t('diagnostics.weight'),
    cell: (it) => <Badge tone={TONES[it.level]}>{t(`diagnostics.is.${it.level}`)}</Badge>,
  },
  {
    key: 'text',
    title: t('diagnostics.line'),
    isName: true,
    cell: (it) => (
      <>
        {it.text} {it.detail !== '' && <code class="detail">{it.detail}</code>}
      </>
    ),
  },
]
