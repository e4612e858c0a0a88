import { expect, test } from 'vitest'
import type { BoxesSettings } from '../../src/core/boxes.ts'
import { openIssues } from '../../src/pipeline/open-issues.ts'

const boxes: BoxesSettings = { listen: { host: '10.20.1.5', port: 8460 }, tls: { cert: '', key: '' }, allow: [] }

test('boxes that the firewall keeps out are an issue: not where the port is open, nor where the firewall is not ours', () => {
  expect(openIssues(boxes, [])).toMatchObject([{ code: 'boxes-not-open', text: expect.stringContaining('10.20.1.5:8460') }])
  expect(openIssues(boxes, [{ interface: 'eth1', zone: 'plant', port: 8461 }])).toHaveLength(1)
  expect(openIssues(boxes, [{ interface: 'eth1', zone: 'plant', port: 8460 }])).toEqual([])
  expect(openIssues(boxes, undefined)).toEqual([])
  expect(openIssues(undefined, [])).toEqual([])
})
