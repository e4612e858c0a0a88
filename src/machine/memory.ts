import { setFlagsFromString } from 'node:v8'

/** Percent that a heap may grow beyond what lived at the last collection before it is collected again. */
const HEAP_GROWTH_PERCENT = 20
/**
 * A thread's young generation: three semi-spaces of 2 MB. V8's own choice, 48 MB for each of seven threads, is garbage for the most part.
 * Five threads at 10,000 MQTT readings a second: 12 MB here costs 15 MB in all (and 9 MB idle) over 6, for no CPU that could be told apart;
 * 3 saves another 7, for a quarter more CPU where each message is a reading. The main thread has the same by `--max-semi-space-size=2`.
 */
export const YOUNG_GENERATION_MB = 6

/**
 * V8 trades memory for speed; a box has little of the one and enough of the other. Measured with 100 Modbus devices, 1,000 OPC UA items and
 * 5,000 MQTT messages a second: 680 MB and growing becomes 375 MB and flat, for about a tenth more CPU. Each heap takes it up
 * with its next collection; threads that start later compile Node's own modules anew (V8 takes none from the program once a flag is changed), so
 * it is called once all that a start needs is there.
 */
export function keepHeapsSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
}
