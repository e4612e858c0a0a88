import { e1 } from './settings.ts'
import { testSlice } from './slice.ts'

testSlice(e1, 9, 30)
