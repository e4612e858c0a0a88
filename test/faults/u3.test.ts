import { describe } from 'vitest'
import { canSign } from '../update/judged.ts'
import { testSlice } from './slice.ts'
import { u3 } from './u3.ts'

if (!canSign()) console.warn('SKIPPED: U3 needs rauc, mksquashfs and openssl')
describe.skipIf(!canSign())('bundles', () => testSlice(u3, 40, 25))
