import { expect, test } from 'vitest'
import { kafkaSettingsSchema } from '../../../src/uplinks/kafka/settings.ts'

const problems = (settings: object) => kafkaSettingsSchema.safeParse(settings).error?.issues.map((it) => it.path.join('.')) ?? []
const sasl = { mechanism: 'scram-sha-512', user: 'hf-7f3a', password: { secret: 'cloud' } }

test('the example of the manual holds, with its defaults', () => {
  const parsed = kafkaSettingsSchema.parse({ brokers: ['kafka.example.com:9093'], tls: {}, sasl })
  expect(parsed).toMatchObject({ headers: 'all', topics: { telemetry: 'holdfast.telemetry.v1', gaps: 'holdfast.gaps.v1' } })
})

test('without TLS, or without authentication of us, it needs a reason', () => {
  expect(problems({ brokers: ['a:1'] })).toEqual(['insecure'])
  expect(problems({ brokers: ['a:1'], sasl })).toEqual(['insecure'])
  expect(problems({ brokers: ['a:1'], tls: {} })).toEqual(['insecure'])
  expect(problems({ brokers: ['a:1'], insecure: 'loopback of a test' })).toEqual([])
  const pem = '-----BEGIN CERTIFICATE-----'
  expect(problems({ brokers: ['a:1'], tls: { cert: pem, key: { secret: 'key' } } })).toEqual([])
})

test('a certificate without its key, a broker without a port and an unknown key are refused', () => {
  expect(problems({ brokers: ['a:1'], insecure: 'test', tls: { cert: '-----BEGIN CERTIFICATE-----' } })).toEqual(['tls'])
  expect(problems({ brokers: ['kafka.example.com'], tls: {}, sasl })).toEqual(['brokers.0'])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl, acks: 1 })).toEqual([''])
})

test('the client and the guarantee have the defaults that hold everywhere', () => {
  expect(kafkaSettingsSchema.parse({ brokers: ['a:1'], tls: {}, sasl })).toMatchObject({
    client: 'direct',
    guarantee: 'exactly-once',
  })
  expect(problems({ brokers: ['a:1'], tls: {}, sasl, client: 'librdkafka' })).toEqual(['client'])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl, guarantee: 'at-most-once' })).toEqual(['guarantee'])
})

test('a token needs its endpoint, client and secret; an endpoint without TLS needs a reason', () => {
  const token = {
    mechanism: 'oauthbearer',
    tokenEndpoint: 'https://login.example.com/token',
    clientId: 'box',
    clientSecret: { secret: 'cloud' },
  }
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: token })).toEqual([])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: { ...token, tokenEndpoint: 'login.example.com' } })).toEqual([
    'sasl.tokenEndpoint',
  ])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: { ...token, clientSecret: undefined } })).toEqual(['sasl.clientSecret'])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: { ...token, password: 'x' } })).toEqual(['sasl'])
  const plain = { ...token, tokenEndpoint: 'http://login.example.com/token' }
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: plain })).toEqual(['insecure'])
  expect(problems({ brokers: ['a:1'], tls: {}, sasl: plain, insecure: 'in the plant network' })).toEqual([])
})
