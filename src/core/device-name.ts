/** What a box is called on its own network: the last four letters and digits of its id. */
export function localName(device: string): string {
  const plain = device.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return `holdfast-${plain.slice(-4).padStart(4, '0')}.local`
}
