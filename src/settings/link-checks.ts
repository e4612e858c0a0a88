// Links against each other. A connection takes one way at a time, the first of the list that is up and within its budget: what that one
// does not carry has to wait, so no later link may carry more. An interface has one budget and one rate, whoever sends.
import { SYSTEM_CLASS } from '../core/admission.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'
import type { Path } from './yaml-tree.ts'
import { pathText } from './yaml-tree.ts'

interface Link {
  readonly path: Path
  readonly interface: string
  readonly classes: readonly string[] | 'all'
  /** Budget and rate as they stand. */
  readonly bounds: string
}

export function linkChecks(file: Readonly<Record<string, unknown>>): Found[] {
  const lists = listOf(file.uplinks).map((it, at) => linksOf(mapOf(it).links, ['uplinks', at, 'links']))
  return [...lists.flatMap(order), ...lists.flatMap(twice), ...bounds(lists.flat()), ...systemClass(file)]
}

function linksOf(value: unknown, path: Path): Link[] {
  return listOf(value).flatMap((it, at) => {
    const { interface: name, classes = 'all', budget, bytesPerSecondMax } = mapOf(it)
    const { bytes, per, zone = 'UTC' } = mapOf(budget)
    const isWhole = typeof name === 'string' && (classes === 'all' || Array.isArray(classes))
    const bounds = JSON.stringify([budget === undefined ? null : { bytes, per, zone }, bytesPerSecondMax ?? null])
    return isWhole ? [{ path: [...path, at], interface: name, classes: classes as Link['classes'], bounds }] : []
  })
}

/** Each carries no class that one before it does not. */
function order(links: readonly Link[]): Found[] {
  return links.flatMap(({ path, classes, interface: name }, at) => {
    const before = links
      .slice(0, at)
      .find((it) => it.classes !== 'all' && (classes === 'all' || classes.some((one) => isMissing(it, one))))
    if (!before) return []
    const more = classes === 'all' ? 'all classes' : classes.filter((it) => isMissing(before, it)).join(', ')
    return [
      {
        path: [...path, 'classes'],
        at: 'key' as const,
        text: `${name} carries ${more}, and ${before.interface} before it does not: a connection takes one link at a time, so while ${before.interface} is up nothing would carry that`,
        remedy: 'put the link that carries more first, or give the classes to an uplink of their own',
        runs: true,
      },
    ]
  })
}

function isMissing({ classes }: Link, name: string): boolean {
  return name !== SYSTEM_CLASS && classes !== 'all' && !classes.includes(name)
}

function twice(links: readonly Link[]): Found[] {
  return links.flatMap(({ path, interface: name }, at) =>
    links.slice(0, at).some((it) => it.interface === name)
      ? [{ path: [...path, 'interface'], text: `the link ${name} stands in this list twice` }]
      : [],
  )
}

function bounds(links: readonly Link[]): Found[] {
  return links.flatMap(({ path, interface: name, bounds: mine }, at) => {
    const before = links.slice(0, at).find((it) => it.interface === name && it.bounds !== mine)
    if (!before) return []
    const text = `${name} has another budget or bytesPerSecondMax at ${pathText(before.path)}: an interface has one, for all that goes over it`
    return [{ path, text }]
  })
}

function systemClass(file: Readonly<Record<string, unknown>>): Found[] {
  return listOf(file.classes).flatMap((it, at) =>
    mapOf(it).name === SYSTEM_CLASS
      ? [
          {
            path: ['classes', at, 'name'],
            text: `"${SYSTEM_CLASS}" is what the box itself fetches: updates, time, names; call the class otherwise`,
          },
        ]
      : [],
  )
}
