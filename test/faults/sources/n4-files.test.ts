import { testSlice } from '../slice.ts'
import { n4Files } from './n4-files.ts'

testSlice(n4Files, 3_000, 20)
