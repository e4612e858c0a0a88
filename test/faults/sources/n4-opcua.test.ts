import { testSlice } from '../slice.ts'
import { n4Opcua } from './n4-opcua.ts'

testSlice(n4Opcua, 60, 30)
