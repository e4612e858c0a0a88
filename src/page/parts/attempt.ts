import { useState } from 'preact/hooks'

/** What a person does, with its error until it is done or tried again. */
export function useAttempt() {
  const [error, setError] = useState<unknown>()
  const attempt = async (work: () => unknown) => {
    setError(undefined)
    try {
      await work()
    } catch (it) {
      setError(it)
    }
  }
  return { error, attempt }
}
