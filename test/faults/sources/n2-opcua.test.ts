import { testSlice } from '../slice.ts'
import { n2Opcua } from './n2-opcua.ts'

testSlice(n2Opcua, 8, 30)
