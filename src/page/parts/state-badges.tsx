import type { NotifyReport } from '../../core/notify.ts'
import type { SourceState } from '../../core/source.ts'
import type { UplinkState } from '../../core/status.ts'
import { t } from '../words/index.ts'
import type { Tone } from './badge.tsx'
import { Badge } from './badge.tsx'

const SOURCE_TONES: Record<SourceState, Tone> = { up: 'ok', starting: 'info', down: 'problem', stopped: 'off' }

export function SourceBadge({ state }: { readonly state: SourceState }) {
  return <Badge tone={SOURCE_TONES[state]}>{t(`sourceState.${state}`)}</Badge>
}

const NOTIFY_TONES: Record<NotifyReport['state'], Tone> = { up: 'ok', starting: 'info', waiting: 'attention' }

export function NotifyBadge({ state }: { readonly state: NotifyReport['state'] }) {
  return <Badge tone={NOTIFY_TONES[state]}>{t(`notifyState.${state}`)}</Badge>
}

const UPLINK_TONES: Record<UplinkState, Tone> = {
  up: 'ok',
  connecting: 'info',
  waiting: 'attention',
  blocked: 'problem',
  fenced: 'problem',
  stopped: 'off',
}

export function UplinkBadge({ state }: { readonly state: UplinkState }) {
  return <Badge tone={UPLINK_TONES[state]}>{t(`uplinkState.${state}`)}</Badge>
}
