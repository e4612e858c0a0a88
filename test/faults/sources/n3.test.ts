import { testSlice } from '../slice.ts'
import { n3 } from './n3.ts'

testSlice(n3, 2, 60)
