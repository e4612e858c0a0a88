import { s5 } from './s5.ts'
import { testSlice } from './slice.ts'

testSlice(s5, 24, 20)
