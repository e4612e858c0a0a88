import { s6 } from './s6.ts'
import { testSlice } from './slice.ts'

testSlice(s6, 5, 25)
