import { testCommand } from './test-command.ts'

export const sourcesTest = testCommand('sources test', 'test a source step by step, with what to do', 'testSource')
