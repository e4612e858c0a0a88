// node-opcua writes to the console, in colours; here its lines go to the log. Its loggers are one set for the whole thread.
import { format, stripVTControlCharacters } from 'node:util'
import { setDebugLogger, setErrorLogger, setWarningLogger } from 'node-opcua-client'
import type { Logger } from '../../core/source.ts'

const LINE_MAX = 2_000

/** From now on the library's lines go to `log`: its errors are warnings of ours, as we hear of what matters by rejections too. */
export function routeLibraryLog(log: Logger): void {
  const text = (parts: unknown[]) => stripVTControlCharacters(format(...parts)).slice(0, LINE_MAX)
  // The first argument is where in the library it was said.
  setWarningLogger((_where, ...parts) => log.debug({ library: 'node-opcua' }, text(parts)))
  setErrorLogger((_where, ...parts) => log.warn({ library: 'node-opcua' }, text(parts)))
  setDebugLogger((_where, ...parts) => log.debug({ library: 'node-opcua' }, text(parts)))
}
