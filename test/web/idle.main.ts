// What a flood of the panel is compared with: takes connections, reads what comes and does nothing with it, as far behind the data path as the panel.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setPriority } from 'node:os'

setPriority(10)
const server = createServer((socket) => void socket.on('error', () => {}).resume())
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
