import { expect, test } from 'vitest'
import type { BoxesSettings } from '../../src/core/boxes.ts'
import { openIssues } from '../../src/pipeline/open-issues.ts'

const at = (host: string, port: number): BoxesSettings => ({ listen: { host, port }, tls: { cert: '', key: '' }, allow: [] })
const boxes = at('10.20.1.5', 8460)

test('boxes that the firewall keeps out are an issue: not where the port is open, nor where the firewall is not ours', () => {
  expect(openIssues(boxes, [])).toMatchObject([{ code: 'boxes-not-open', text: expect.stringContaining('10.20.1.5:8460') }])
  expect(openIssues(boxes, [{ interface: 'eth1', zone: 'plant', port: 8461 }])).toHaveLength(1)
  expect(openIssues(boxes, [{ interface: 'eth1', zone: 'plant', port: 8460 }])).toEqual([])
  expect(openIssues(boxes, undefined)).toEqual([])
  expect(openIssues(at('127.0.0.1', 8460), [])).toEqual([])
  expect(openIssues(at('::1', 8460), [])).toEqual([])
  expect(openIssues(at('::', 8460), [])).toHaveLength(1)
  expect(openIssues(at('10.20.1.5', 843), [])).toEqual([])
  expect(openIssues(undefined, [])).toEqual([])
})
