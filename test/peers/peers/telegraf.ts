import { accessSync, constants, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer } from '../peer.ts'
import { DRILL_TOPIC } from '../peer.ts'

const BIN = process.env['TELEGRAF'] ?? join(import.meta.dirname, '../../../.cache/peers/telegraf')

/** Telegraf: inputs.mqtt_consumer → its disk buffer → outputs.kafka, acknowledging on arrival (its other setting holds 1,000 undelivered at most). */
export const telegraf: Peer = {
  name: 'telegraf',
  missing() {
    try {
      accessSync(BIN, constants.X_OK)
      return undefined
    } catch {
      return 'its program is not there: `bash test/peers/telegraf.sh` builds it from its Go module'
    }
  },
  setup({ dir, mqttPort, kafkaPort, shape }) {
    const config = join(dir, 'telegraf.conf')
    writeFileSync(
      config,
      `[agent]
  omit_hostname = true
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 100000000
  buffer_strategy = "disk_write_through"
  buffer_directory = "${dir}/buffer"
  skip_processors_after_aggregators = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:${mqttPort}"]
  topics = ["plant/#"]
  qos = 1
  client_id = "telegraf"
  persistent_session = false
  max_undelivered_messages = 2000000
  data_format = "json"
  name_override = "reading"
  json_time_key = "ts"
  json_time_format = "unix_ms"
  ${shape === 'S2' ? 'tag_keys = ["tag"]\n  topic_tag = ""' : 'topic_tag = "tag"'}
[[outputs.kafka]]
  brokers = ["127.0.0.1:${kafkaPort}"]
  topic = "${DRILL_TOPIC}"
  required_acks = -1
  startup_error_behavior = "retry"
  data_format = "json"
  json_timestamp_units = "1ms"
`,
    )
    return { command: BIN, args: ['--config', config], buffer: join(dir, 'buffer') }
  },
  *decode(value) {
    const { tags, timestamp } = JSON.parse(value.toString()) as { tags: { tag: string }; timestamp: number }
    yield [tags.tag.replace(/^plant\//, ''), timestamp]
  },
}
