import { s3 } from './s3.ts'
import { testSlice } from './slice.ts'

testSlice(s3, 3, 10)
