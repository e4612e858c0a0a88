// `sources test` of a folder: is it there, does a file fit, can its lines be read.
import { open } from 'node:fs/promises'
import { parse } from 'node:path'
import { BatchBuilder } from '../../core/batch.ts'
import type { TestStep } from '../../core/source.ts'
import { Unreachable } from '../../core/errors.ts'
import { fieldsOf, hasHeader } from './fields.ts'
import type { FolderFile } from './folder.ts'
import { filesIn } from './folder.ts'
import { lineMapping } from './mapping.ts'
import { readPortion } from './read-lines.ts'
import type { FilesSettings, LineSettings } from './settings.ts'

const LINES_TRIED = 10

export async function* testFolder(settings: FilesSettings): AsyncIterable<TestStep> {
  const found = await filesIn(settings.path, settings.pattern).catch((error: unknown) => error)
  if (found instanceof Unreachable) {
    yield { step: 'folder', ok: false, detail: found.message, ...(found.remedy && { remedy: found.remedy }) }
    return
  }
  if (!Array.isArray(found)) throw found
  yield { step: 'folder', ok: true, detail: settings.path }
  const newest = found.at(-1) as FolderFile | undefined
  if (!newest) {
    yield {
      step: 'files',
      ok: false,
      detail: `nothing there fits ${settings.pattern}`,
      remedy: 'Correct pattern, or wait for the first file.',
    }
    return
  }
  yield { step: 'files', ok: true, detail: `${found.length} fit ${settings.pattern}; the newest is ${newest.name}` }
  if (settings.format !== 'binary') yield await testLines(settings, newest)
}

async function testLines(settings: LineSettings, file: FolderFile): Promise<TestStep> {
  const handle = await open(file.path, 'r').catch((error: NodeJS.ErrnoException) => error)
  if (handle instanceof Error) return { step: 'lines', ok: false, detail: `${file.name} cannot be opened: ${handle.code}` }
  try {
    const decoder = new TextDecoder(settings.format === 'csv' ? settings.encoding : 'utf-8')
    const texts = ((await readPortion(handle, 0, file.size))?.lines ?? []).map((it) =>
      decoder.decode(it.bytes ?? new Uint8Array()),
    )
    return tried(settings, file.name, texts)
  } finally {
    await handle.close()
  }
}

function tried(settings: LineSettings, name: string, texts: readonly string[]): TestStep {
  const skip = settings.format === 'csv' ? settings.skip : 0
  const fields = fieldsOf(settings, hasHeader(settings) ? texts[skip] : undefined)
  if (typeof fields === 'string')
    return { step: 'lines', ok: false, detail: `${name} ${fields}`, remedy: 'Correct the columns, separator or skip.' }
  const builder = new BatchBuilder(0, { now: () => Date.now() * 1000, monotonic: () => performance.now() })
  const mapping = lineMapping(settings, builder)
  const first = skip + (hasHeader(settings) ? 1 : 0)
  for (const [at, text] of texts.slice(first, first + LINES_TRIED).entries()) {
    const problem = mapping.take({ text, file: parse(name).name, fields, isMaybeStored: false })
    if (problem !== undefined)
      return {
        step: 'lines',
        ok: false,
        detail: `${name}:${first + at + 1}: ${problem}`,
        remedy: 'Correct time, decimal or type.',
      }
  }
  const [tag] = builder.take(0).newSeries
  return { step: 'lines', ok: true, detail: tag ? `the first lines give readings, of ${tag.tag} for example` : 'no lines yet' }
}
