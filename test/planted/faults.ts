// All mistakes that X1 plants.
import { COLUMN_FAULTS } from './columns.ts'
import type { Fault } from './fault.ts'
import { LOG_FAULTS } from './log.ts'
import { RETENTION_FAULTS } from './retention.ts'

export const FAULTS: readonly Fault[] = [...LOG_FAULTS, ...COLUMN_FAULTS, ...RETENTION_FAULTS]
