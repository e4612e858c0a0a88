import { testCommand } from './test-command.ts'

export const uplinksTest = testCommand('uplinks test', 'test an uplink step by step, with what to do', 'testUplink')
