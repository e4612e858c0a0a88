import { describe } from 'vitest'
import { canUpdate } from '../update/box.ts'
import { testSlice } from './slice.ts'
import { u1 } from './u1.ts'

if (!canUpdate()) console.warn('SKIPPED: U1 needs root, rauc, grub-editenv, dbus-daemon and mksquashfs')
describe.skipIf(!canUpdate())('updates that are cut', () => testSlice(u1, 4, 60))
