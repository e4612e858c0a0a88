// All campaigns of the proof; one line each.
import { k1 } from '../faults/kafka/k1.ts'
import { k2 } from '../faults/kafka/k2.ts'
import { k3 } from '../faults/kafka/k3.ts'
import { k4 } from '../faults/kafka/k4.ts'
import { k5 } from '../faults/kafka/k5.ts'
import { k6 } from '../faults/kafka/k6.ts'
import { k7 } from '../faults/kafka/k7.ts'
import { k8 } from '../faults/kafka/k8.ts'
import { k9 } from '../faults/kafka/k9.ts'
import { n1 } from '../faults/kafka/n1.ts'
import { s1 } from '../faults/s1.ts'
import { s10 } from '../faults/s10.ts'
import { s2 } from '../faults/s2.ts'
import { s3 } from '../faults/s3.ts'
import { s4 } from '../faults/s4.ts'
import { s5 } from '../faults/s5.ts'
import { s6 } from '../faults/s6.ts'
import { s7 } from '../faults/s7.ts'
import { s9 } from '../faults/s9.ts'
import { s8 } from '../faults/s8.ts'
import { h1 } from '../faults/h1.ts'
import { loadMqtt } from '../faults/sources/load-mqtt.ts'
import { loadOpcua } from '../faults/sources/load-opcua.ts'
import { n2Opcua } from '../faults/sources/n2-opcua.ts'
import { loadModbus } from '../faults/sources/load-modbus.ts'
import { n2Modbus } from '../faults/sources/n2-modbus.ts'
import { n3 } from '../faults/sources/n3.ts'
import { n4Modbus } from '../faults/sources/n4-modbus.ts'
import { n4Files } from '../faults/sources/n4-files.ts'
import { n4Mqtt } from '../faults/sources/n4-mqtt.ts'
import { n4Opcua } from '../faults/sources/n4-opcua.ts'
import { n4Sparkplug } from '../faults/sources/n4-sparkplug.ts'
import { g1 } from '../faults/g1.ts'
import { e1 } from '../faults/settings.ts'
import { t1 } from '../faults/t1.ts'
import { u1 } from '../faults/u1.ts'
import { u3 } from '../faults/u3.ts'
import { plantedFaults } from '../planted/x1.ts'
import { r1 } from '../simulation/r1.ts'
import type { Campaign } from './campaign.ts'

const LOG: readonly Campaign[] = [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10]
const UPLINK: readonly Campaign[] = [k1, k2, k3, k4, k5, k6, k7, k8, k9, n1, h1]
const SOURCES: readonly Campaign[] = [
  n3,
  n4Modbus,
  n4Mqtt,
  n4Sparkplug,
  n4Files,
  loadMqtt,
  n2Opcua,
  n4Opcua,
  loadOpcua,
  n2Modbus,
  loadModbus,
]

export const PARTS: readonly Campaign[] = [...LOG, ...UPLINK, ...SOURCES, e1, g1, t1, u1, u3, r1, plantedFaults()]
