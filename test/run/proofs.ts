// What a run must show at its end, said line by line: the sums, and the verdicts of two tools that read the topics.
import type { ClassStatus, Status } from '../../src/core/status.ts'
import { verdictLines } from '../../src/plant/verdict-text.ts'
import type { PlantVerdict } from '../../src/plant/verify.ts'
import type { Answer } from './holdfast.ts'
import { say } from './say.ts'
import type { Scene } from './scene.ts'
import { count } from './screen.ts'

function lostOf(it: ClassStatus): number {
  return Object.values(it.lost).reduce((sum, n) => sum + n, 0)
}

/** accepted = delivered + stored + aggregated + lost, class by class. Says each sum; true when all hold. */
export function sumsHold(program: string, status: Status): boolean {
  return status.classes.every((it) => {
    const lost = lostOf(it)
    const holds = it.accepted === it.delivered + it.stored + it.aggregated + lost
    const sum = `${count(it.delivered)} delivered + ${count(it.stored)} stored + ${count(it.aggregated)} aggregated + ${count(lost)} lost`
    say(program, `${it.name}: ${count(it.accepted)} accepted ${holds ? '=' : 'IS NOT'} ${sum}`)
    return holds
  })
}

function conclude(program: string, name: string, problems: readonly string[]): boolean {
  for (const it of problems) say(program, it)
  say(program, `${name} ${problems.length === 0 ? 'PASS' : 'FAIL'}`)
  return problems.length === 0
}

function print(text: string): void {
  for (const line of text.trimEnd().split('\n')) console.log(`  ${line}`)
}

function exitProblem({ code, err }: Answer): string[] {
  return code === 0 ? [] : [`exit ${code}${err === '' ? '' : `: ${err.trim()}`}`]
}

/** `holdfast verify`: every sequence once, or named. */
export async function verified(program: string, scene: Scene, signal: AbortSignal): Promise<boolean> {
  const answer = await scene.verify(signal)
  print(answer.out)
  return conclude(program, 'verify', exitProblem(answer))
}

/** While the agent is down, an OPC UA server or a Modbus device tells nobody what it has: that is listed, and allowed where kills are part of the run. */
export interface PlantProof {
  readonly isLossBeforeLogAllowed: boolean
}

/** `holdfast plant verify`: what the devices served against the topics. */
export async function plantVerified(program: string, scene: Scene, proof: PlantProof, signal: AbortSignal): Promise<boolean> {
  const answer = await scene.plantVerify(signal)
  const verdict = verdictOf(answer)
  if (!verdict) return conclude(program, 'plant verify', exitProblem({ ...answer, code: answer.code || 1 }))
  print(verdictLines(verdict).join('\n'))
  return conclude(program, 'plant verify', [
    ...exitProblem(answer),
    ...verdict.devices.flatMap((it) => deviceProblems(it, proof)),
  ])
}

function verdictOf({ out }: Answer): PlantVerdict | undefined {
  return out.startsWith('{') ? (JSON.parse(out) as PlantVerdict) : undefined
}

/** A broker keeps what we have not acknowledged: MQTT loses nothing, whoever is killed. And a device of which nothing arrived proves nothing. */
function deviceProblems({ name, protocol, found, missing }: PlantVerdict['devices'][number], proof: PlantProof): string[] {
  if (found === 0) return [`nothing of ${name} stands in the topics`]
  const mayLose = proof.isLossBeforeLogAllowed && protocol !== 'mqtt'
  return missing > 0 && !mayLose ? [`${count(missing)} samples of ${name} (${protocol}) are missing`] : []
}
