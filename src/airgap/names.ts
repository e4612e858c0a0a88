// Names of files. Devices and uplinks have names that a file may have (settings/names.ts says the same of the settings).
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const FILE = /^holdfast-.+-[0-9a-f]{8}-(\d{4,})\.hfx$/
const RECEIPT = /-(\d{4,})\.receipt$/

export const isName = (text: unknown): text is string => typeof text === 'string' && NAME.test(text)

export const fileName = (device: string, epoch: string, number: number) =>
  `holdfast-${device}-${epoch.slice(0, 8)}-${String(number).padStart(4, '0')}.hfx`

export const isFileName = (name: string) => FILE.test(name)

/** Of a file's name; 0 where it has none. */
export const numberOf = (name: string) => Number(FILE.exec(name)?.[1] ?? RECEIPT.exec(name)?.[1] ?? 0)

export const receiptName = (device: string, uplink: string, number: number) =>
  `holdfast-${device}-${uplink}-${String(number).padStart(4, '0')}.receipt`

export const isReceiptName = (name: string) => RECEIPT.test(name)
