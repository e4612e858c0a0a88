import { testSlice } from './slice.ts'
import { t1 } from './t1.ts'

testSlice(t1, 500, 20)
