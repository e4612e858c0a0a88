// Takes the lock of a log's folder and holds it until it is killed. lock.main.ts DIR
import { takeLock } from '../../src/log/lock.ts'

takeLock(process.argv[2] as string, 'the other agent')
console.log('held')
setInterval(() => {}, 1000)
