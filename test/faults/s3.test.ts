import { test } from 'vitest'
import { mayMount } from './partition.ts'
import { s3 } from './s3.ts'
import { testSlice } from './slice.ts'

if (mayMount()) testSlice(s3, 3, 10)
else test.skip('S3: mounting needs root')
