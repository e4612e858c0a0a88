import { s4 } from './s4.ts'
import { testSlice } from './slice.ts'

testSlice(s4, 16, 15)
