import type { SessionView } from '../../../core/access.ts'
import { call } from '../../api/client.ts'
import { useAttempt } from '../../parts/attempt.ts'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView, Waiting } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { duration } from '../../format/time.ts'
import { t } from '../../words/index.ts'

export function Sessions() {
  const { data, error, again } = useCall('sessions list', {})
  const { error: failed, attempt } = useAttempt()
  const end = (id: string) => attempt(() => call('sessions end', { id })).then(again)
  const columns: Column<SessionView>[] = [
    { key: 'user', title: t('name'), isName: true, cell: (it) => it.user },
    { key: 'address', title: t('security.address'), cell: (it) => <code>{it.address}</code> },
    { key: 'at', title: t('security.since'), cell: (it) => <Time micros={it.at} isWithDate /> },
    { key: 'idle', title: t('security.idle'), cell: (it) => duration(it.idleMs / 1000) },
    {
      key: 'end',
      title: <span class="unseen">{t('security.end')}</span>,
      cell: (it) => (
        <Button onPress={() => end(it.id)} label={t('security.endOf', { name: it.user, address: it.address })}>
          {t('security.end')}
        </Button>
      ),
    },
  ]
  return (
    <Card title={t('security.sessions')}>
      {[error, failed].map((it) => it !== undefined && <ErrorView key={String(it)} error={it} retry={again} />)}
      {data ? (
        <Table caption={t('security.sessions')} columns={columns} rows={data} keyOf={(it) => it.id} />
      ) : (
        error === undefined && <Waiting />
      )}
    </Card>
  )
}
