// How long a start takes, and what of it is the agent's: from its process' start until it is ready, beside a bare Node in the same machine.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const MEASURED = '99.8.0-development'
const ROUNDS = 7

/** Each in turn, by systemd's own clock: a bare Node to its end, one in the agent's sandbox, and the agent until it is ready. What it waits for is quiet. */
const MEASURE = `
until systemctl -q is-active holdfast-agent; do sleep 2; done
until journalctl -b -u holdfast-updater -o cat | grep -q ': good, '; do sleep 5; done
idle() { sed -n 's/^cpu  *\\([0-9]* \\)\\{3\\}\\([0-9]*\\) .*/\\2/p' /proc/stat; }
all() { sed -n 's/^cpu  *//p' /proc/stat | tr ' ' '+' | { read it; echo $(($it)); }; }
for wait in 1 2 3 4 5 6 7 8 9 10 11 12; do
  idle=$(idle) all=$(all); sleep 10
  [ $((100 * ($(idle) - idle))) -lt $((85 * ($(all) - all))) ] || break
done
echo "SHARE quiet after $wait looks; $(systemd-analyze time | head -1)" > /dev/console
sed -e 's#^ExecStart=.*#ExecStart=/usr/lib/holdfast/node -e 0#' -e 's/^Type=.*/Type=oneshot\\nRemainAfterExit=yes/' \\
  -e '/^ExecStartPre=/d' -e '/^Restart/d' -e '/^Watchdog/d' /usr/lib/systemd/system/holdfast-agent.service > /run/systemd/system/bare-apart.service
systemctl daemon-reload
stamp() { systemctl show --value -p "$2" "$1"; }
ms() { systemctl restart "$1"; echo $((($(stamp "$1" "$2") - $(stamp "$1" ExecMainStartTimestampMonotonic)) / 1000)); }
for round in $(seq ${ROUNDS}); do
  bare=$(ms bare ExecMainExitTimestampMonotonic)
  apart=$(ms bare-apart ExecMainExitTimestampMonotonic)
  agent=$(ms holdfast-agent ActiveEnterTimestampMonotonic)
  echo "SHARE $round: bare $bare apart $apart agent $agent" > /dev/console
  sleep 5
done
`
const VERSION = {
  'etc/systemd/system/multi-user.target.d/measure.conf': '[Unit]\nWants=measure.service\n',
  'etc/systemd/system/measure.service': '[Service]\nExecStart=/bin/sh /usr/lib/holdfast/measure\n',
  'etc/systemd/system/bare.service': '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/lib/holdfast/node -e 0\n',
  'usr/lib/holdfast/measure': MEASURE,
}

let box: Box

beforeAll(async () => {
  box = newBox(board, { [MEASURED]: VERSION })
  await box.up()
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
  await box.installFromStick(MEASURED)
  await box.up()
}, 8 * BOOT_MS_MAX)
afterAll(() => box?.remove())

test('the boot is stated, and the agent is held against a bare Node', { timeout: 4 * BOOT_MS_MAX + TRIAL_MS_MAX }, async () => {
  const [, quiet] = await box.machine().says(/SHARE (quiet .*)\n/, BOOT_MS_MAX + TRIAL_MS_MAX)
  console.log(quiet)
  const rounds: Record<'bare' | 'apart' | 'agent', number>[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const said = await box.machine().says(new RegExp(`SHARE ${round}: bare (\\d+) apart (\\d+) agent (\\d+)\\n`))
    const [bare = 0, apart = 0, agent = 0] = said.slice(1).map(Number)
    rounds.push({ bare, apart, agent })
    console.log(`bare Node ${bare} ms, in the agent's sandbox ${apart} ms, the agent until it is ready ${agent} ms`)
  }
  const of = (what: keyof (typeof rounds)[0]) => median(rounds.map((it) => it[what]))
  console.log(
    `median: bare Node ${of('bare')} ms, in the sandbox ${of('apart')} ms, agent ${of('agent')} ms: ${(of('agent') / of('bare')).toFixed(2)} times a bare Node, ` +
      `${median(rounds.map((it) => it.agent / it.bare)).toFixed(2)} round by round`,
  )
  // A figure that is not there would be zero; how great it is depends on who else uses the processor.
  for (const it of rounds) expect(Math.min(it.bare, it.apart, it.agent)).toBeGreaterThan(0)
})

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}
