import { testSlice } from '../slice.ts'
import { loadOpcua } from './load-opcua.ts'

testSlice(loadOpcua, 1, 60)
