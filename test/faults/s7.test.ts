import { s7 } from './s7.ts'
import { testSlice } from './slice.ts'

testSlice(s7, 30, 30)
