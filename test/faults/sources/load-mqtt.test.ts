import { testSlice } from '../slice.ts'
import { loadMqtt } from './load-mqtt.ts'

testSlice(loadMqtt, 1, 10)
