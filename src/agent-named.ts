// Settings that say whose they are: another box that takes them takes the name, too.
export interface NamedSettings {
  readonly id: string
  /** With `device.id`. */
  readonly text: string
}

/** `drawn`: the id of a box whose settings say none. Loads `yaml`, which a start does not. */
export async function namedSettings(text: string, drawn: string): Promise<NamedSettings> {
  const [{ parseDocument }, { putValues }] = await Promise.all([import('yaml'), import('./page/settings-text/entries.ts')])
  try {
    const named: unknown = parseDocument(text, { version: '1.2' }).getIn(['device', 'id'])
    if (typeof named === 'string' && named !== '') return { id: named, text }
    return { id: drawn, text: putValues(text, [[['device', 'id'], drawn]]) }
  } catch {
    // No settings: as they are, people may still read them.
    return { id: drawn, text }
  }
}
