import { testSlice } from '../slice.ts'
import { n4Mqtt } from './n4-mqtt.ts'

testSlice(n4Mqtt, 2_500, 15)
