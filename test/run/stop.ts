// Ctrl-C and SIGTERM as an AbortSignal. A second Ctrl-C does not cut the cleaning up short.
export function stopSignal(): AbortController {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  return stop
}

/** Runs a program to its exit status; a stop in the middle of it is 130. */
export async function runProgram(stop: AbortController, program: string, work: () => Promise<boolean>): Promise<void> {
  try {
    process.exitCode = (await work()) ? 0 : 1
  } catch (error) {
    process.exitCode = stop.signal.aborted ? 130 : 1
    if (!stop.signal.aborted) console.error(`${program}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
