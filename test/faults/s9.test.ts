import { s9 } from './s9.ts'
import { testSlice } from './slice.ts'

testSlice(s9, 1, 10)
