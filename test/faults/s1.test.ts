import { s1 } from './s1.ts'
import { testSlice } from './slice.ts'

testSlice(s1, 24, 20)
