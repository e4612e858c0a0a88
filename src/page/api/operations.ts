// The operations of `src/commands` by name, with what goes in and comes out. Rows are those that answer with many.
import type { BrowseSourceRequest, QueryRequest, QueryRow, TrustSourceRequest } from '../../core/agent-api.ts'
import type { BackupFile, BackupOpen, BackupRequest, OpenedBackup } from '../../core/backup.ts'
import type { CertificateRequest, OwnersPair } from '../../core/certificates.ts'
import type { AccessIssue, ApiToken, AuditPage, CertificateView, SessionView, User } from '../../core/access.ts'
import type { NetworkNow, NetworkPort } from '../../core/host.ts'
import type { CheckStep } from '../../core/log-files.ts'
import type { UplinkView } from '../../core/links.ts'
import type {
  LedgerLine,
  LedgerRequest,
  LiveRequest,
  LiveValue,
  LinesRequest,
  ServiceLine,
  OperatorRole,
  LogDay,
  SecretEntry,
  SettingsCheck,
  SettingsEntry,
  SettingsNow,
} from '../../core/operator.ts'
import type { ClassWhatIf, Forecast } from '../../core/retention.ts'
import type { ScanRequest, ScanStep } from '../../core/scan.ts'
import type { BrowseEntry, Certificate, TestStep } from '../../core/source.ts'
import type { SeenIssue, Status } from '../../core/status.ts'
import type { UpdateSource, UpdateStatus } from '../../core/update.ts'

interface Call<In, Out> {
  readonly in: In
  readonly out: Out
}

interface Named {
  readonly name: string
}

export type Nothing = Readonly<Record<string, never>>

export interface Answers {
  status: Call<Nothing, Status>
  issues: Call<Nothing, readonly SeenIssue[]>
  uplinks: Call<Nothing, readonly UplinkView[]>
  forecast: Call<{ readonly offlineMs: number; readonly whatIf?: readonly ClassWhatIf[] }, Forecast>
  'log days': Call<Nothing, readonly LogDay[]>
  'clock set': Call<{ readonly ms: number }, Nothing>
  'clock servers': Call<{ readonly servers?: readonly string[] }, { readonly servers: readonly string[] }>
  'network show': Call<Nothing, NetworkNow>
  'network apply': Call<{ readonly ports?: readonly NetworkPort[]; readonly confirmWithinMs: number }, NetworkNow>
  'network confirm': Call<Nothing, NetworkNow>
  'network revert': Call<Nothing, NetworkNow>
  'factory show': Call<Nothing, { readonly isOffered: boolean }>
  'factory reset': Call<
    Named & { readonly keepReadings: boolean; readonly overwrite: boolean; readonly despiteUpdate: boolean },
    Nothing
  >
  'settings show': Call<Nothing, SettingsNow>
  'settings check': Call<{ readonly text: string }, SettingsCheck>
  'settings apply': Call<
    { readonly text: string; readonly base: string; readonly confirmWithinMs?: number; readonly note?: string },
    SettingsNow
  >
  'settings confirm': Call<{ readonly revision: string }, SettingsNow>
  'settings revert': Call<{ readonly revision?: string }, SettingsNow>
  'settings history': Call<Nothing, readonly SettingsEntry[]>
  'settings text': Call<{ readonly revision: string }, { readonly text: string }>
  'backup save': Call<BackupRequest, BackupFile>
  'backup open': Call<BackupOpen, OpenedBackup>
  'backup restore': Call<BackupOpen & { readonly base: string }, SettingsNow>
  'secrets list': Call<Nothing, readonly SecretEntry[]>
  'secrets set': Call<{ readonly name: string; readonly text: string }, Nothing>
  'secrets remove': Call<Named, Nothing>
  'users list': Call<Nothing, readonly User[]>
  'users add': Call<Named & { readonly role: OperatorRole; readonly password: string }, Nothing>
  'users role': Call<Named & { readonly role: OperatorRole }, Nothing>
  'users password': Call<Named & { readonly password: string }, Nothing>
  'users remove': Call<Named, Nothing>
  'password change': Call<{ readonly current: string; readonly password: string }, Nothing>
  'sessions list': Call<Nothing, readonly SessionView[]>
  'sessions end': Call<{ readonly id: string }, Nothing>
  'tokens list': Call<Nothing, readonly ApiToken[]>
  'tokens add': Call<Named & { readonly role: OperatorRole; readonly until: number }, { readonly token: string }>
  'tokens remove': Call<Named, Nothing>
  'audit list': Call<{ readonly limit: number; readonly from?: number }, AuditPage>
  'access issues': Call<Nothing, readonly AccessIssue[]>
  'access reset': Call<{ readonly allowed?: boolean }, { readonly allowed: boolean }>
  'access acknowledge': Call<{ readonly code: string }, Nothing>
  'certificate show': Call<Nothing, CertificateView>
  'update status': Call<Nothing, UpdateStatus>
  'update check': Call<Nothing, UpdateStatus>
  'update confirm': Call<Nothing, UpdateStatus>
  'update cancel': Call<Nothing, UpdateStatus>
  'update rollback': Call<Nothing, UpdateStatus>
  'update install': Call<{ readonly from: UpdateSource }, UpdateStatus>
  'update take': Call<{ readonly offset: number; readonly base64: string }, { readonly bytes: number }>
  'certificate renew': Call<Nothing, CertificateView>
  'certificate replace': Call<OwnersPair, CertificateView>
  'certificate request': Call<Nothing, CertificateRequest>
}

export interface Rows {
  'sources test': Call<Named, TestStep>
  'sources browse': Call<BrowseSourceRequest, BrowseEntry>
  'sources trust': Call<TrustSourceRequest, Certificate>
  'sources scan': Call<ScanRequest, ScanStep>
  'uplinks test': Call<Named, TestStep>
  'notify test': Call<Named, TestStep>
  query: Call<QueryRequest, QueryRow>
  live: Call<LiveRequest, LiveValue>
  'log ledger': Call<LedgerRequest, LedgerLine>
  'log check': Call<Nothing, CheckStep>
  logs: Call<LinesRequest, ServiceLine>
  probe: Call<{ readonly kind: 'ping' | 'dns' | 'tcp' | 'tls'; readonly host: string; readonly port?: number }, TestStep>
  diagnostics: Call<Nothing, { readonly bytes: Uint8Array }>
}
