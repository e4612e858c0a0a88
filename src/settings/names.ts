// Names of devices, classes, sources, uplinks and secrets. They become parts of record ids (cut at colons), of keys (cut at the
// first slash), of folders and of Kafka's group and transaction ids: so one narrow rule for all of them.
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
export const NAME_ALLOWED = 'must be a name: 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit'

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text)
}
