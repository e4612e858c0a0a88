import { s2 } from './s2.ts'
import { testSlice } from './slice.ts'

testSlice(s2, 300, 25)
