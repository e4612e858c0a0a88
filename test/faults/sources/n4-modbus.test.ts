import { testSlice } from '../slice.ts'
import { n4Modbus } from './n4-modbus.ts'

testSlice(n4Modbus, 6_000, 30)
