// Every bound has its name here, and how bounds relate is asserted in test/core/bounds.test.ts.

/** Batches of one source that may wait for the disk at a time. */
export const BATCHES_IN_FLIGHT_MAX = 2
/** … and while they hold few readings in all, one more each pace up to this: a class that is seldom committed holds up none that is committed often. */
export const SMALL_BATCHES_IN_FLIGHT_MAX = 64
export const SMALL_READINGS_IN_FLIGHT_MAX = 4_096
export const SMALL_BATCH_PACE_MS = 25
/** Readings in one block: what damage can cost, and the least that a transaction carries. */
export const BLOCK_READINGS_MAX = 16_384
/** Bytes of strings and byte values in one block, uncompressed. */
export const BLOCK_BYTES_MAX = 1_000_000
/** One string or byte value; a longer one is refused as 'too-large'. */
export const VALUE_BYTES_MAX = 256_000
/** Intervals in one position, all streams together, and its bytes (Kafka's offset metadata). */
export const POSITION_INTERVALS_MAX = 64
export const POSITION_BYTES_MAX = 4_096
/** Boxes that have this one as their uplink: the streams of each take their place in the position. */
export const BOXES_MAX = 12
/** Linux: a socket's path. */
export const SOCKET_PATH_BYTES_MAX = 107
/** Readings a pushed-to source (OPC UA, MQTT QoS 0) may hold while the disk is slow. */
export const SOURCE_QUEUE_READINGS_MAX = 100_000
/** An intent covers at most so much. */
export const INTENT_MS_MAX = 10_000
/** One step of `sources test` or `uplinks test`. */
export const TEST_STEP_MS_MAX = 10_000
/** Readings in one sealed block: series by series, so longer runs compress better; damage costs one block. */
export const SEALED_READINGS_MAX = 131_072
/** Uncompressed bytes of strings and byte values in one sealed block. */
export const SEALED_BYTES_MAX = 4_000_000
/** The least log.bytesMax: below it journal, write-ahead log and one reduction leave nothing for data. */
export const LOG_BYTES_MIN = 32_000_000
/** Epochs that are over and stay in the position because what left of them on a stick may still be imported. */
export const OUTSTANDING_EPOCHS_MAX = 6
/** One file of an export: whoever imports holds one in memory. */
export const EXPORT_FILE_BYTES_MAX = 64_000_000
/** Addresses of one scan: a /22. */
export const SCAN_HOSTS_MAX = 1_024
/** Hosts that are asked at once, and the pause between two of them: a plant's network carries other things. */
export const SCAN_HOSTS_AT_ONCE = 16
export const SCAN_PAUSE_MS = 20
export const SCAN_HOST_MS_MAX = 20_000
/** Entries of one answer of `sources browse`. */
export const BROWSE_ENTRIES_MAX = 100_000
/** Acknowledgements of one source that may wait for the disk at a time, those of items that were withheld whole included. */
export const ACKNOWLEDGEMENTS_HELD_MAX = 65_536
/** Tags whose last values one asker sees at a time. */
export const LIVE_TAGS_MAX = 20_000
/** Oftener than so many milliseconds nobody is told of them. */
export const LIVE_EVERY_MS_MIN = 100
/** Local consumers that follow the log at a time. */
export const FOLLOWERS_MAX = 8
/** Text of a follower's position, of 2,000 streams at least: it goes in a header of HTTP, for which the panel has room. */
export const FOLLOW_POSITION_CHARS_MAX = 34_000
/** Lines of the ledger in one answer. */
export const LEDGER_LINES_MAX = 100_000
/** Of a settings file. */
export const SETTINGS_CHARS_MAX = 8_000_000
/** Settings files that the history keeps. */
export const SETTINGS_REVISIONS_MAX = 200
/** Rows, tags and points of one query; who wants more asks in parts. */
export const QUERY_ROWS_MAX = 100_000_000
export const QUERY_TAGS_MAX = 256
export const QUERY_POINTS_MAX = 100_000
/** Ten years: of what a forecast is asked. */
export const OFFLINE_MS_MAX = 3_660 * 86_400_000
export const WHAT_IF_CLASSES_MAX = 1_000
/** How long a change may wait for its confirmation. */
export const CONFIRM_MS_MIN = 1_000
export const CONFIRM_MS_MAX = 3_600_000
/** Looked through for secrets at once, while the agent does nothing else. */
export const CLEANED_CHARS_MAX = 1_000_000
/** Text of a secret: a chain of certificates, at most. */
export const SECRET_CHARS_MAX = 65_536
/** Of a backup: whoever has the file may try as long as he likes. */
export const PASSPHRASE_CHARS_LEAST = 12
export const PASSPHRASE_CHARS_MAX = 1_024
/** A backup as text: it fits the calls that take one. */
export const BACKUP_CHARS_MAX = 11_000_000
export const BACKUP_LEDGER_LINES_MAX = 1_000
/** Events that the log holds for uplinks, and their bytes; those that come then wait in their own list. */
export const EVENTS_MAX = 2_000
export const EVENTS_BYTES_MAX = 500_000
/** Events of one offer. */
export const EVENTS_OFFERED_MAX = 100
/** Rules of one box. */
export const RULES_MAX = 200
/** Readings of one tag that a rule's window holds: past it the oldest go, and status says so. */
export const WINDOW_READINGS_MAX = 20_000
/** Readings in the windows of all rules together. */
export const RULE_READINGS_MAX = 2_000_000
/** Text of a rule's event. */
export const RULE_EVENT_BYTES_MAX = 2_000
/** What rules say at a time goes into one block. */
export const RULE_EVENTS_BYTES_MAX = 400_000
/** Tags that one rule keeps windows of. */
export const RULE_TAGS_MAX = 10_000
/** The rules' state on disk, compressed. */
export const RULE_STATE_BYTES_MAX = 500_000
/** Notifiers of one box. */
export const NOTIFIERS_MAX = 20
/** TCP ports that the settings may open on a port of the box, the lowest of them, and how many. */
export const OPEN_PORT_MIN = 1_024
export const OPEN_PORTS_MAX = 8
/** Times that rules have raised; how far before and after an event. */
export const RAISED_MAX = 100
export const RAISE_MS_MAX = 3_600_000
/** Text of a rule that is tried. */
export const RULE_TEXT_CHARS_MAX = 16_384
/** Events that a test tells. */
export const RULE_TEST_EVENTS_MAX = 10_000
/** How long a test goes on. */
export const RULE_TEST_MS_MAX = 600_000
/** Issues that are over and still known, and characters of one's text. */
export const ISSUES_KEPT_MAX = 500
export const ISSUE_CHARS_MAX = 500
/** A model's file, an add-on's, and what stands before its parts. */
export const MODEL_BYTES_MAX = 8_000_000
export const ADDON_BYTES_MAX = 100_000_000
export const MODEL_MANIFEST_BYTES_MAX = 65_536
/** Numbers that go into a model, and that come out of it. */
export const MODEL_FIGURES_MAX = 64
/** Outputs of its model that a rule names: an event says them. */
export const RULE_OUTPUTS_MAX = 8
/** Models that the rules of one box name: each is a process. */
export const MODELS_MAX = 8
/** Time of one score. */
export const MODEL_MS_MAX = 10_000
/** Text of a command from the cloud; a longer one is refused. */
export const COMMAND_BYTES_MAX = 1_000_000
/** How far ahead the end of a command's time may lie, and how long after it its id is remembered. */
export const COMMAND_EXPIRES_MS_MAX = 31 * 86_400_000
export const COMMAND_REMEMBERED_MS = 86_400_000
/** Commands that are remembered: past it none is read until one may be forgotten. */
export const COMMANDS_MAX = 10_000
/** Bytes of commands that wait: past it none is read. */
export const COMMANDS_WAITING_BYTES_MAX = 32_000_000
/** Of each text of an answer: the log takes no event of any size. */
export const COMMAND_TEXT_CHARS_MAX = 1_000
/** Answers that are kept for a log that was lost. */
export const COMMAND_ANSWERS_MAX = 2_000
/** Tags of one source that commands may write. */
export const WRITE_RULES_MAX = 1_000
