// All campaigns of the proof; one line each.
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
import { t1 } from '../faults/t1.ts'
import { plantedFaults } from '../planted/x1.ts'
import { r1 } from '../simulation/r1.ts'
import type { Campaign } from './campaign.ts'

export const PARTS: readonly Campaign[] = [s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, t1, r1, plantedFaults()]
