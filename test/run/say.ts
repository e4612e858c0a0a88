// Lines for a person: each step with the time it took.
export function say(program: string, text: string): void {
  console.log(`${program}: ${text}`)
}

export async function step<T>(program: string, text: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await work()
  say(program, `${text} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
  return result
}
