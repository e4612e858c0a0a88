// fast-check with the commit's dice: a property that fails now and then fails for good at some commit, and says so at that one.
import fc from 'fast-check'
import { commitSeed } from './commit-seed.ts'

fc.configureGlobal({ seed: commitSeed() | 0 })

export default fc
