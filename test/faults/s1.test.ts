import { s1 } from './s1.ts'
import { testSlice } from './slice.ts'

testSlice(s1, 12, 20)
