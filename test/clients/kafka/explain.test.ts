import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { explain } from '../../../src/clients/kafka/explain.ts'

test('the cause under two wrappers of the library is found', () => {
  const cause = Object.assign(new Error('Not authorized'), { type: 'TOPIC_AUTHORIZATION_FAILED' })
  const wrap = (text: string, inner: Error): Error =>
    Reflect.construct(kafkajs.KafkaJSNonRetriableError, [text, { cause: inner }])
  const found = explain(wrap('tried 5 times', wrap('gave up', cause)))
  expect(found).toMatchObject({ code: 'topic-denied', protocol: 'TOPIC_AUTHORIZATION_FAILED' })
  expect(found.remedy).toMatch(/Write/)
})

test('an unknown protocol error keeps its own name', () => {
  expect(explain(Object.assign(new Error('?'), { type: 'THROTTLING_QUOTA_EXCEEDED' }))).toMatchObject({
    code: 'throttling-quota-exceeded',
  })
})

test('what is no error of anybody is still said', () => {
  expect(explain('odd')).toEqual({ code: 'failed', text: 'odd' })
})
