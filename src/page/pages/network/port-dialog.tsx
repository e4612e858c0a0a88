// A port's address as somebody wants it; then its difference.
import { useState } from 'preact/hooks'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import type { NetworkSeen } from '../../state/network.ts'
import { t } from '../../words/index.ts'
import { ApplyDialog } from './apply-dialog.tsx'
import type { PortDraft, PortView } from './views.ts'
import { draftOf, openOf, portOf } from './views.ts'

interface Props {
  readonly view: PortView
  readonly base: NetworkSeen
  readonly onClose: () => void
}

const ZONES = ['plant', 'uplink', 'service'] as const
const ADDRESS = /^((\d{1,3}\.){3}\d{1,3}\/\d{1,2}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*\/\d{1,3})$/

export function PortDialog({ view, base, onClose }: Props) {
  const [draft, set] = useState<PortDraft>(() => draftOf(view))
  // A port that is in a zone can only go into another one.
  const [hasZone] = useState(draft.zone !== '')
  const [isReviewed, setReviewed] = useState(false)
  // What it was made from: what comes meanwhile is somebody else's.
  const [begun] = useState(base)
  const title = t('network.changeOf', { name: view.name })
  if (isReviewed)
    return (
      <ApplyDialog
        title={title}
        ports={[portOf(view.name, draft)]}
        base={begun}
        back={() => setReviewed(false)}
        onClose={onClose}
      />
    )
  const isRight = draft.isDhcp || ADDRESS.test(draft.address.trim())
  const isOpenRight = openOf(draft.open) !== undefined
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
          <button type="button" class="main" disabled={!isRight || !isOpenRight} onClick={() => setReviewed(true)}>
            {t('showDifference')}
          </button>
        </>
      }
    >
      <SelectField
        label={t('network.zone')}
        hint={t('network.zoneHint')}
        value={draft.zone}
        choices={[
          ...(hasZone ? [] : [{ value: '', text: t('network.noZone') }]),
          ...ZONES.map((value) => ({ value, text: t(`network.zone.${value}`) })),
        ]}
        onInput={(zone) => set({ ...draft, zone })}
      />
      <SelectField
        label={t('network.from')}
        value={draft.isDhcp ? 'dhcp' : 'fixed'}
        choices={[
          { value: 'fixed', text: t('network.fixed') },
          ...(base.by === 'networkd' || draft.isDhcp ? [{ value: 'dhcp', text: t('network.dhcp') }] : []),
        ]}
        {...(base.by === 'ip' && { hint: t('network.noDhcp') })}
        onInput={(it) => set({ ...draft, isDhcp: it === 'dhcp' })}
      />
      {!draft.isDhcp && (
        <>
          <TextField
            label={t('network.address')}
            hint={t('network.addressHint')}
            error={isRight || draft.address === '' ? undefined : t('network.addressWrong')}
            value={draft.address}
            autocomplete="off"
            onInput={(address) => set({ ...draft, address })}
          />
          <TextField
            label={t('network.gateway')}
            hint={t('network.gatewayHint')}
            value={draft.gateway}
            autocomplete="off"
            onInput={(gateway) => set({ ...draft, gateway })}
          />
        </>
      )}
      <TextField
        label={t('network.dns')}
        hint={t('network.dnsHint')}
        value={draft.dns}
        autocomplete="off"
        onInput={(dns) => set({ ...draft, dns })}
      />
      <TextField
        label={t('network.open')}
        hint={t('network.openHint')}
        error={isOpenRight ? undefined : t('network.openWrong')}
        value={draft.open}
        autocomplete="off"
        onInput={(open) => set({ ...draft, open })}
      />
    </Dialog>
  )
}
