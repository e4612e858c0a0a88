import { testSlice } from '../slice.ts'
import { loadModbus } from './load-modbus.ts'

testSlice(loadModbus, 1, 1)
