import { s7 } from './s7.ts'
import { testSlice } from './slice.ts'

testSlice(s7, 12, 25)
