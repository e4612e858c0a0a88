import { testSlice } from '../faults/slice.ts'
import { r1 } from './r1.ts'

testSlice(r1, 8, 15)
