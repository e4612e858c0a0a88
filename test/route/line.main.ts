// The line of the settings example: an OPC UA server on node-opcua with the node nsu=urn:acme:line;s=Speed, for one user alone.
// One JSON object as argument: { port, dir, user?, password? }; without a user everybody may come, unencrypted.
// Says `ready`; then each line of its input is a value for Speed, answered by the source time that it was given in ms.
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  Variant,
} from 'node-opcua'

interface Options {
  readonly port: number
  readonly dir: string
  readonly user?: string
  readonly password?: string
}

const { port, dir, user, password } = JSON.parse(process.argv[2] as string) as Options
const manager = (name: string) =>
  new OPCUACertificateManager({
    rootFolder: join(dir, name),
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  })
const server = new OPCUAServer({
  port,
  host: '127.0.0.1',
  hostname: '127.0.0.1',
  alternateHostname: ['127.0.0.1'],
  serverCertificateManager: manager('server'),
  userCertificateManager: manager('users'),
  securityPolicies: [user === undefined ? SecurityPolicy.None : SecurityPolicy.Basic256Sha256],
  securityModes: [user === undefined ? MessageSecurityMode.None : MessageSecurityMode.SignAndEncrypt],
  allowAnonymous: user === undefined,
  userManager: { isValidUser: (name: string, word: string) => name === user && word === password },
  serverInfo: { applicationUri: 'urn:acme:server' },
})
await server.initialize()
const space = server.engine.addressSpace
if (!space) throw new Error('no address space')
const line = space.registerNamespace('urn:acme:line')
const speed = line.addVariable({
  organizedBy: space.rootFolder.objects,
  browseName: 'Speed',
  nodeId: 's=Speed',
  dataType: 'Double',
  minimumSamplingInterval: 0,
  value: { dataType: DataType.Double, value: 0 },
})
await server.start()
process.stdout.write('ready\n')
for await (const text of createInterface({ input: process.stdin })) {
  const time = new Date()
  speed.setValueFromSource(new Variant({ dataType: DataType.Double, value: Number(text) }), StatusCodes.Good, time)
  process.stdout.write(`${time.getTime()}\n`)
}
// Whoever started it is gone.
process.exit(0)
