// A small plant in a process of its own, to be killed. plant.main.ts DIR: prints its Modbus port and serves until then.
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'

const plan = loadPlan(2, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 10, mqttSensors: 0 })
const plant = await startPlant({
  plan,
  dir: process.argv[2] as string,
  modbus: { port: 0 },
  failed: (error) => console.error(error),
})
console.log(plant.endpoints.modbusPorts?.['modbus-1'])
