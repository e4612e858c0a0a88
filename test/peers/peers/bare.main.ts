import mqtt from 'mqtt'

const client = mqtt.connect(`mqtt://127.0.0.1:${process.argv[2]}`, { clientId: 'bare', clean: false })
let count = 0
client.on('message', () => void count++)
client.on('connect', () => client.subscribe('plant/#', { qos: 1 }))
