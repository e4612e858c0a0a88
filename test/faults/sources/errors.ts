// What is thrown past every catch, which in the agent would end a protocol's thread.
export function watchErrors() {
  const thrown: unknown[] = []
  const note = (error: unknown) => void thrown.push(error)
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  return {
    check(): void {
      const first = thrown.shift()
      if (first !== undefined) throw new Error(`thrown past the client: ${(first as Error).stack ?? String(first)}`)
    },
    end(): void {
      process.off('uncaughtException', note)
      process.off('unhandledRejection', note)
    },
  }
}
