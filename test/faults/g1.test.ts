import { g1 } from './g1.ts'
import { testSlice } from './slice.ts'

testSlice(g1, 3, 10)
