// Before anybody is signed in: claiming the box, or logging in.
import { useLocation } from 'preact-iso'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { CopyButton } from '../../parts/copy.tsx'
import { TextField } from '../../parts/field.tsx'
import { ErrorView } from '../../parts/states.tsx'
import { claim, fingerprint, logIn, session } from '../../state/session.ts'
import { Choices } from '../../user-menu.tsx'
import { t } from '../../words/index.ts'

export function Entrance() {
  const it = session.value
  return (
    <main class="entrance">
      <p class="wordmark">Holdfast</p>
      {it.state === 'unclaimed' ? <Claim /> : <LogIn hasEnded={it.state === 'out' && it.hasEnded} />}
      <Fingerprint isOpen={it.state === 'unclaimed'} />
      <Choices />
    </main>
  )
}

interface FormProps {
  readonly title: string
  readonly text?: ComponentChildren
  readonly action: string
  /** What is wrong already; undefined: it may be sent. */
  readonly problem?: string | undefined
  readonly onSend: () => Promise<void>
  readonly children: ComponentChildren
}

function EntryForm({ title, text, action, problem, onSend, children }: FormProps) {
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const send = async () => {
    if (problem !== undefined || isBusy) return
    setError(undefined)
    setBusy(true)
    await onSend().catch(setError)
    setBusy(false)
  }
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <h1>{title}</h1>
      {text !== undefined && <p class="quiet">{text}</p>}
      {children}
      {error !== undefined && <ErrorView error={error} />}
      <button type="submit" class="main" disabled={problem !== undefined || isBusy} aria-busy={isBusy}>
        {action}
      </button>
    </form>
  )
}

function LogIn({ hasEnded }: { readonly hasEnded: boolean }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  return (
    <EntryForm
      title={t('logIn')}
      {...(hasEnded && { text: t('logIn.ended') })}
      action={t('logIn')}
      onSend={() => logIn(name.trim(), password)}
    >
      <TextField label={t('logIn.user')} value={name} autocomplete="username" name="user" required onInput={setName} />
      <TextField
        label={t('form.password')}
        type="password"
        value={password}
        autocomplete="current-password"
        name="password"
        required
        onInput={setPassword}
      />
    </EntryForm>
  )
}

const PASSWORD_CHARS_MIN = 8

function Claim() {
  const { route } = useLocation()
  const [code, setCode] = useState('')
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const isShort = password !== '' && [...password].length < PASSWORD_CHARS_MIN
  const isOther = again !== '' && again !== password
  const send = async () => {
    if (again !== password) return
    await claim(code.trim(), name.trim(), password)
    route('/setup', true)
  }
  return (
    <EntryForm
      title={t('claim')}
      text={t('claim.text')}
      action={t('claim.do')}
      problem={isShort || isOther ? t('claim.text') : undefined}
      onSend={send}
    >
      <TextField
        label={t('claim.code')}
        hint={t('claim.codeHint')}
        value={code}
        autocomplete="off"
        name="code"
        required
        onInput={setCode}
      />
      <TextField label={t('claim.user')} value={name} autocomplete="username" name="user" required onInput={setName} />
      <TextField
        label={t('claim.password')}
        hint={t('claim.passwordHint')}
        error={isShort ? t('claim.short', { n: PASSWORD_CHARS_MIN }) : undefined}
        type="password"
        value={password}
        autocomplete="new-password"
        name="password"
        required
        onInput={setPassword}
      />
      <TextField
        label={t('claim.again')}
        error={isOther ? t('claim.other') : undefined}
        type="password"
        value={again}
        autocomplete="new-password"
        name="again"
        required
        onInput={setAgain}
      />
    </EntryForm>
  )
}

/** What the label and the console show too. */
function Fingerprint({ isOpen }: { readonly isOpen: boolean }) {
  if (fingerprint.value === undefined) return null
  return (
    <details class="more card" open={isOpen}>
      <summary>{t('claim.warning')}</summary>
      <p>{t('claim.warningText')}</p>
      <p class="quiet">{t('claim.fingerprint')}</p>
      <code class="fingerprint">{inLines(fingerprint.value)}</code>
      <p>
        <CopyButton text={fingerprint.value} />
      </p>
    </details>
  )
}

/** Sixteen bytes a line are easier to compare. */
const inLines = (text: string) => text.replace(/^(.{47}):/, '$1:\n')
