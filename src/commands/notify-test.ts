import { testCommand } from './test-command.ts'

export const notifyTest = testCommand('notify test', 'test a notifier step by step: it sends a message', 'testNotifier')
