// Which of two versions is the younger one: numbers as numbers, and 2.0.0-rc.1 before 2.0.0.
export const VERSION_PATTERN = /^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$/

/** Below 0: `a` is older. What stands after `+` counts for nothing. */
export function compareVersions(a: string, b: string): number {
  const [mainA, preA] = partsOf(a)
  const [mainB, preB] = partsOf(b)
  const main = compareLists(mainA, mainB, '0')
  if (main !== 0) return main
  if (preA === undefined || preB === undefined) return preA === preB ? 0 : preA === undefined ? 1 : -1
  return compareLists(preA, preB, '')
}

function partsOf(version: string): [readonly string[], readonly string[] | undefined] {
  const [known = ''] = version.split('+')
  const [main = '', ...rest] = known.split(/[-~]/)
  return [main.split('.'), rest.length > 0 ? rest.join('-').split('.') : undefined]
}

function compareLists(a: readonly string[], b: readonly string[], missing: string): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareWords(a[at] ?? missing, b[at] ?? missing)
    if (order !== 0) return order
  }
  return 0
}

function compareWords(a: string, b: string): number {
  const [numberA, numberB] = [a, b].map((it) => (/^\d{1,15}$/.test(it) ? Number(it) : undefined))
  if (numberA !== undefined && numberB !== undefined) return Math.sign(numberA - numberB)
  return a === b ? 0 : a < b ? -1 : 1
}
