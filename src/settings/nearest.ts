// "Did you mean": the word of a list that is nearest to what was typed.

const WORD_LENGTH_MAX = 64

/** Undefined when none is near: more than a third of the letters differ. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined
  let best: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const it of words) {
    const far = it.toLowerCase() === word.toLowerCase() ? 0 : distance(it, word)
    if (far < least) {
      best = it
      least = far
    }
  }
  return best
}

/** Levenshtein's distance, with two letters changed about counted as one edit. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, k) => k)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let k = 1; k <= b.length; k++) {
      const same = a[i - 1] === b[k - 1] ? 0 : 1
      let least = Math.min((next[k - 1] as number) + 1, (row[k] as number) + 1, (row[k - 1] as number) + same)
      if (i > 1 && k > 1 && a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1]) least = Math.min(least, (before[k - 2] as number) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length] as number
}
