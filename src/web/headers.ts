// What every answer tells a browser: run nothing, load nothing, be framed by nothing that does not come from here.
const CONTENT = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join(';')
const HSTS_S = 31_536_000

export const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT,
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': 'camera=(self), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
}

/** Only with a certificate that the owner installed: a browser that insists on one that nobody vouches for locks its user out. */
export const INSISTING = { 'strict-transport-security': `max-age=${HSTS_S}` } as const
