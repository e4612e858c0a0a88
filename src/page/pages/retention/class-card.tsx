// One class: its ladder as a picture, the same as fields, and what an outage would leave of it on the same line of time.
import type { LadderStep } from '../../../core/retention.ts'
import { parseBytes } from '../../../core/units.ts'
import { Card } from '../../parts/card.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { percent } from '../../format/number.ts'
import { duration } from '../../format/time.ts'
import { may } from '../../state/session.ts'
import { t } from '../../words/index.ts'
import type { ClassDraft, StepDraft } from './draft.ts'
import { durationText, stepOf, windowOf } from './draft.ts'
import type { Rung } from './ladder.ts'
import { marksOf, rungsOf, shareOf } from './ladder.ts'
import { ShareSlider } from './share-slider.tsx'
import { Steps } from './steps.tsx'
import type { Left } from './what-if.ts'
import { areasOf, leftAt } from './what-if.ts'

interface Props {
  readonly draft: ClassDraft
  readonly place: { readonly at: number; readonly count: number; readonly move: (by: -1 | 1) => void }
  readonly isNew: boolean
  readonly spanMs: number
  readonly outageMs: number
  readonly left: readonly Left[]
  readonly onChange: (draft: ClassDraft | undefined) => void
}

export function ClassCard({ draft, place, isNew, spanMs, outageMs, left, onChange }: Props) {
  const steps = draft.ladder.map(stepOf)
  const isFixed = !may('admin')
  const setLadder = (ladder: readonly StepDraft[]) => onChange({ ...draft, ladder })
  return (
    <Card
      title={
        <>
          {t('retention.place', { n: place.at + 1 })} <strong>{draft.name}</strong>
        </>
      }
      actions={!isFixed && <Moves place={place} name={draft.name} remove={() => onChange(undefined)} />}
    >
      {draft.whenFull === 'wait' ? (
        <p>{t('retention.waitAbout')}</p>
      ) : (
        <LadderPicture draft={draft} steps={steps} spanMs={spanMs} outageMs={outageMs} isFixed={isFixed} onChange={setLadder} />
      )}
      <LeftPicture name={draft.name} left={left} spanMs={spanMs} outageMs={outageMs} />
      <details class="class-more" open={isNew}>
        <summary>{t('retention.edit')}</summary>
        <div class="fields">
          {isNew && (
            <TextField label={t('name')} value={draft.name} onInput={(name) => onChange({ ...draft, name: name.trim() })} />
          )}
          <SelectField
            label={t('retention.whenFull')}
            value={draft.whenFull}
            disabled={isFixed}
            choices={[
              { value: 'reduce', text: t('retention.reduce') },
              { value: 'wait', text: t('retention.wait') },
            ]}
            onInput={(it) => onChange({ ...draft, whenFull: it as ClassDraft['whenFull'] })}
          />
          <TextField
            label={t('retention.floor')}
            hint={t('retention.floorHint')}
            error={draft.floor !== '' && parseBytes(draft.floor) === undefined ? t('retention.noSize') : undefined}
            value={draft.floor}
            disabled={isFixed}
            placeholder="100MB"
            onInput={(floor) => onChange({ ...draft, floor })}
          />
          {draft.whenFull === 'reduce' && (
            <TextField
              label={t('retention.forward')}
              hint={t('retention.forwardHint')}
              error={windowOf(draft.forward) === undefined ? t('retention.noWindow') : undefined}
              value={draft.forward}
              disabled={isFixed}
              placeholder="1m"
              onInput={(forward) => onChange({ ...draft, forward })}
            />
          )}
        </div>
        {draft.whenFull === 'reduce' && <Steps ladder={draft.ladder} isFixed={isFixed} onChange={setLadder} />}
      </details>
    </Card>
  )
}

function Moves({ place, name, remove }: { place: Props['place']; name: string; remove: () => void }) {
  const one = (by: -1 | 1, word: string) => (
    <button
      type="button"
      class={`plain icon-only${by === -1 ? ' upward' : ''}`}
      aria-label={word}
      title={word}
      disabled={by === -1 ? place.at === 0 : place.at === place.count - 1}
      onClick={() => place.move(by)}
    >
      <Icon name="down" />
    </button>
  )
  return (
    <>
      {one(-1, t('retention.up', { name }))}
      {one(1, t('retention.down', { name }))}
      <button
        type="button"
        class="plain icon-only"
        disabled={place.count === 1}
        aria-label={t('removeName', { name })}
        title={t('removeName', { name })}
        onClick={remove}
      >
        <Icon name="trash" />
      </button>
    </>
  )
}

interface PictureProps {
  readonly draft: ClassDraft
  readonly steps: readonly (LadderStep | undefined)[]
  readonly spanMs: number
  readonly outageMs: number
  readonly isFixed: boolean
  readonly onChange: (ladder: readonly StepDraft[]) => void
}

function keepWord(keep: LadderStep['keep']): string {
  if (keep === 'raw') return t('retention.keepRaw')
  if (keep === 'nothing') return t('retention.keepNothing')
  return t('retention.keepWindow', { time: duration(keep.windowMs / 1000) })
}

const kindOf = ({ keep }: Rung) => (typeof keep === 'string' ? keep : 'aggregate')

function LadderPicture({ draft, steps, spanMs, outageMs, isFixed, onChange }: PictureProps) {
  const rungs = rungsOf(
    steps.filter((it) => it !== undefined),
    spanMs,
  )
  const fills = steps.filter((it) => it?.filledTo !== undefined) as LadderStep[]
  return (
    <>
      <div class="timeline">
        <ol class="rungs" aria-label={t('retention.pictureOf', { name: draft.name })}>
          {rungs.map((it) => {
            const [from, to] = [shareOf(it.fromMs, spanMs), shareOf(it.toMs, spanMs)]
            return (
              <li
                key={it.fromMs}
                class={`rung ${kindOf(it)}`}
                style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%` }}
                title={keepWord(it.keep)}
              >
                <span class="unseen">{t('retention.after', { time: duration(it.fromMs / 1000) })}: </span>
                <span class="rung-text">{keepWord(it.keep)}</span>
              </li>
            )
          })}
        </ol>
        {steps.map((it, at) =>
          it?.offlineForMs === undefined ? null : (
            <ShareSlider
              key={at}
              label={t('retention.stepFrom', { keep: keepWord(it.keep) })}
              ms={it.offlineForMs}
              spanMs={spanMs}
              disabled={isFixed}
              onMove={(ms) => onChange(draft.ladder.with(at, { ...(draft.ladder[at] as StepDraft), at: durationText(ms) }))}
            />
          ),
        )}
        <Now outageMs={outageMs} spanMs={spanMs} />
      </div>
      <Axis spanMs={spanMs} />
      {fills.length > 0 && (
        <p class="quiet">
          {fills.map((it) => t('retention.atFill', { share: percent(it.filledTo ?? 0), keep: keepWord(it.keep) })).join('; ')}
        </p>
      )}
    </>
  )
}

const Now = ({ outageMs, spanMs }: { outageMs: number; spanMs: number }) => (
  <span class="outage-mark" aria-hidden="true" style={{ left: `${shareOf(outageMs, spanMs) * 100}%` }} />
)

function Axis({ spanMs }: { readonly spanMs: number }) {
  return (
    <div class="axis" aria-hidden="true">
      {marksOf(spanMs).map((it) => (
        <span key={it} style={{ left: `${shareOf(it, spanMs) * 100}%` }}>
          {it === 0 ? t('retention.now') : duration(it / 1000)}
        </span>
      ))}
    </div>
  )
}

/** What is left, of outages of every length up to the end of the picture. */
function LeftPicture({
  name,
  left,
  spanMs,
  outageMs,
}: {
  name: string
  left: readonly Left[]
  spanMs: number
  outageMs: number
}) {
  const at = leftAt(left, outageMs)
  if (!at) return null
  if (at.readings === 0) return <p class="quiet">{t('retention.noReadings')}</p>
  const text = t('retention.leftOf', {
    name,
    time: duration(at.offlineMs / 1000),
    raw: percent(at.raw, 1),
    aggregated: percent(at.aggregated, 1),
    lost: percent(at.lost, 1),
  })
  return (
    <figure class="left-figure">
      <div class="timeline tall">
        <svg viewBox="0 0 1 1" preserveAspectRatio="none" role="img" aria-label={text}>
          {areasOf(left, (ms) => shareOf(ms, spanMs)).map((it) => (
            <path key={it.kind} class={`area ${it.kind}`} d={it.path} />
          ))}
        </svg>
        <Now outageMs={outageMs} spanMs={spanMs} />
      </div>
      <figcaption>
        <ul class="legend">
          {(['raw', 'aggregated', 'lost'] as const).map((it) => (
            <li key={it} class={it}>
              {t(`retention.${it}`)} {percent(at[it], 1)}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  )
}
