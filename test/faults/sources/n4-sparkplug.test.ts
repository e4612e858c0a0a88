import { testSlice } from '../slice.ts'
import { n4Sparkplug } from './n4-sparkplug.ts'

testSlice(n4Sparkplug, 5_000, 15)
