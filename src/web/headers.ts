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
const HSTS_S_MAX = 31_536_000

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

/**
 * Only with a certificate that the owner installed, and only as long as that is valid: a browser that insists on one that nobody vouches for, or
 * that has ended, locks its user out.
 */
export function insisting(validTo: string, nowMs: number): Readonly<Record<string, string>> {
  const leftS = Math.floor((Date.parse(validTo) - nowMs) / 1000)
  return leftS > 0 ? { 'strict-transport-security': `max-age=${Math.min(HSTS_S_MAX, leftS)}` } : {}
}
