// By which way, at which hours and within which budget: as pictures.
import type { LinkView, UplinkView, WindowView } from '../../../core/links.ts'
import { Badge } from '../../parts/badge.tsx'
import { Fill } from '../../parts/progress.tsx'
import { saidWords } from '../../parts/said-text.ts'
import { Time } from '../../parts/time.tsx'
import { bytes } from '../../format/number.ts'
import { locale } from '../../state/preferences.ts'
import { t, tOf } from '../../words/index.ts'
import { weekOf } from './hours.ts'

export function ClassesNow({ view }: { readonly view: UplinkView }) {
  return (
    <section>
      <h3>{t('uplinks.classes')}</h3>
      <ul class="lines">
        {view.classes.map((it) => (
          <li key={it.name}>
            <Badge tone={it.sent ? 'ok' : 'off'}>{it.name}</Badge> {it.sent ? t('uplinks.sent') : whyNot(it)}{' '}
            {it.until !== undefined && (
              <span class="quiet">
                {t('until')} <Time micros={it.until} />
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Where the code and the time say all of it, the box's own words are left out. */
function whyNot({ code, text, until }: UplinkView['classes'][number]): string {
  const why = tOf(`uplinks.why.${code ?? ''}`)
  if (why === undefined) return text ?? ''
  if (code === 'window' && until !== undefined) return why.replace(/:$/, '')
  const said = saidWords({ text: text ?? '' })
  return `${why} ${said.text}${said.original === undefined ? '' : ` (${said.original})`}`
}

export function Links({ view }: { readonly view: UplinkView }) {
  return (
    <section>
      <h3>{t('uplinks.links')}</h3>
      {view.links.length === 0 && <p class="quiet">{t('uplinks.anyWay')}</p>}
      <ul class="lines">
        {view.links.map((it) => (
          <li key={it.interface}>
            <LinkLine link={it} isUsed={view.link === it.interface} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function LinkLine({ link, isUsed }: { readonly link: LinkView; readonly isUsed: boolean }) {
  const { budget } = link
  return (
    <>
      <Badge tone={link.up ? 'ok' : 'off'}>{link.interface}</Badge> {link.address ?? t('uplinks.noAddress')}
      {isUsed && <strong> {t('uplinks.inUse')}</strong>}
      <span class="quiet">
        {' '}
        {link.classes.join(', ')}
        {link.bytesPerSecondMax !== null && ` · ${t('uplinks.atMost', { bytes: bytes(link.bytesPerSecondMax) })}`}
      </span>
      {budget && (
        <div class="budget">
          <Fill
            label={t('uplinks.budgetOf', { name: link.interface })}
            share={budget.spentBytes / budget.bytes}
            tone={budget.leftBytes === 0 ? 'problem' : budget.leftBytes < budget.bytes / 10 ? 'attention' : 'ok'}
          />
          <span>
            {t('uplinks.budget', { left: bytes(budget.leftBytes), all: bytes(budget.bytes), per: t(`per.${budget.per}`) })}{' '}
            <span class="quiet">
              {t('uplinks.anew')} <Time micros={budget.until} isWithDate />
            </span>
            {budget.isUnknown && ` ${t('uplinks.spentUnknown')}`}
          </span>
        </div>
      )}
    </>
  )
}

export function Windows({ view }: { readonly view: UplinkView }) {
  const timed = view.windows.filter((it) => it.at !== 'always')
  if (timed.length === 0) return null
  return (
    <section>
      <h3>{t('uplinks.windows')}</h3>
      {timed.map((it) => (
        <Week key={it.at + it.zone + String(it.classes)} window={it} />
      ))}
    </section>
  )
}

/** Seven lines of a day each, open hours filled. */
function Week({ window }: { readonly window: WindowView }) {
  const now = Date.now() * 1_000
  const days = weekOf(window.at, window.zone, now)
  const classes = window.classes === 'all' ? t('allClasses') : window.classes.join(', ')
  const dayName = (at: number) => new Date(at / 1_000).toLocaleDateString(locale(), { weekday: 'short', timeZone: window.zone })
  const at = (now - (days[0]?.at ?? now)) / ((days[1]?.at ?? now) - (days[0]?.at ?? 0))
  return (
    <figure class="week">
      <figcaption>
        <Badge tone={window.open ? 'ok' : 'off'}>{window.open ? t('uplinks.open') : t('uplinks.closed')}</Badge> {window.at}{' '}
        <span class="quiet">
          {window.zone} · {classes}
        </span>
        {window.next !== null && (
          <span>
            {' '}
            {window.open ? t('uplinks.closes') : t('uplinks.opens')} <Time micros={window.next} />
          </span>
        )}
      </figcaption>
      <div class="week-days" aria-hidden="true">
        {days.map((day, n) => (
          <div key={day.at} class="week-day">
            <span>{dayName(day.at)}</span>
            <svg viewBox="0 0 1 1" preserveAspectRatio="none">
              <rect class="ground" width="1" height="1" />
              {day.stretches.map((it) => (
                <rect key={it.from} class="open" x={it.from} width={it.to - it.from} height="1" />
              ))}
              {n === 0 && <rect class="now" x={at} width="0.005" height="1" />}
            </svg>
          </div>
        ))}
        <div class="week-hours">
          {[0, 6, 12, 18, 24].map((it) => (
            <span key={it}>{it}</span>
          ))}
        </div>
      </div>
    </figure>
  )
}
