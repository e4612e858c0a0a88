// The box as it came: what goes and what stays is said before, and its name is typed so that it is the right one.
import { useState } from 'preact/hooks'
import { AN_UPDATE } from '../../../core/host.ts'
import { call } from '../../api/client.ts'
import { errorOf } from '../../api/errors.ts'
import { ActionDialog } from '../../parts/action-dialog.tsx'
import { Button } from '../../parts/button.tsx'
import { Card } from '../../parts/card.tsx'
import { CheckField, SelectField, TextField } from '../../parts/field.tsx'
import { useCall } from '../../parts/hooks.ts'
import { ErrorView } from '../../parts/states.tsx'
import { may } from '../../state/session.ts'
import { status } from '../../state/status.ts'
import { t } from '../../words/index.ts'

export function FactoryReset() {
  const { data, error, again } = useCall('factory show', {})
  const [isAsking, setAsking] = useState(false)
  const [isUnderWay, setUnderWay] = useState(false)
  return (
    <Card title={t('factory')}>
      <p>{t('factory.text')}</p>
      {error !== undefined && <ErrorView error={error} retry={again} />}
      {data?.isOffered === false && <p class="quiet">{t('factory.missing')}</p>}
      {data?.isOffered && !may('admin') && <p class="quiet">{t('notAllowed', { role: t('role.admin') })}</p>}
      {data?.isOffered && may('admin') && !isUnderWay && (
        <Button kind="danger" onPress={() => setAsking(true)}>
          {t('factory.begin')}
        </Button>
      )}
      {isUnderWay && <p role="status">{t('factory.underWay')}</p>}
      {isAsking && (
        <Asked
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false)
            setUnderWay(true)
          }}
        />
      )}
    </Card>
  )
}

const KEEPS = ['all', 'overwrite', 'readings'] as const

function Asked({ onClose, onDone }: { readonly onClose: () => void; readonly onDone: () => void }) {
  const [keeps, setKeeps] = useState<string>(KEEPS[0])
  const [name, setName] = useState('')
  const [isUpdating, setUpdating] = useState(false)
  const [despiteUpdate, setDespiteUpdate] = useState(false)
  const device = status.value?.device ?? ''
  const reset = async () => {
    try {
      await call('factory reset', { name, keepReadings: keeps === 'readings', overwrite: keeps === 'overwrite', despiteUpdate })
    } catch (error) {
      if (errorOf(error).problems.some((it) => it.where === AN_UPDATE)) setUpdating(true)
      throw error
    }
    onDone()
  }
  const isRight = name === device && device !== ''
  return (
    <ActionDialog
      title={t('factory')}
      onClose={onClose}
      action={{ text: t('factory.do'), kind: 'danger', disabled: !isRight, work: reset }}
    >
      <p>
        <strong>{t('factory.goes')}</strong>
      </p>
      <p>{t('factory.stays')}</p>
      <p>{t('factory.after')}</p>
      <SelectField
        label={t('factory.readings')}
        value={keeps}
        choices={KEEPS.map((value) => ({ value, text: t(`factory.readings.${value}`) }))}
        onInput={setKeeps}
      />
      <TextField
        label={t('factory.name', { name: device })}
        value={name}
        autocomplete="off"
        onInput={setName}
        error={name !== '' && !device.startsWith(name) ? t('factory.otherName') : undefined}
      />
      {isUpdating && <CheckField label={t('factory.despiteUpdate')} checked={despiteUpdate} onInput={setDespiteUpdate} />}
    </ActionDialog>
  )
}
