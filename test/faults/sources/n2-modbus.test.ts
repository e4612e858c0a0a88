import { testSlice } from '../slice.ts'
import { n2Modbus } from './n2-modbus.ts'

testSlice(n2Modbus, 8, 30)
