// What is wrong with the rules, for people.
import type { RuleReport, RulesReport } from '../core/rule.ts'
import type { Issue } from '../core/status.ts'

export function ruleIssues(report: RulesReport | undefined): Issue[] {
  if (!report) return []
  const { rules, lastError, missed } = report
  const failed: Issue = {
    code: 'rules-failed',
    severity: 'problem',
    text: `the rules do not run as they should: ${lastError}`,
    remedy: 'They are started again by themselves. If it stays, take the newest rule out and send diagnostics to support.',
  }
  const behind: Issue = {
    code: 'rules-missed',
    severity: 'warning',
    text: `${missed} readings went before the rules had read them: windows lack them`,
    remedy:
      'The log was full, or the rules are too many for this box: give the log more room, or rules shorter windows and fewer tags.',
  }
  return [...(lastError === null ? [] : [failed]), ...(missed > 0 ? [behind] : []), ...rules.flatMap(issuesOf)]
}

function issuesOf({ name, errors, lastError, overflowed, model }: RuleReport): Issue[] {
  const unscored: Issue = {
    code: 'rule-unscored',
    severity: 'warning',
    text: `rule ${name}: its model ${model?.name} gave no score ${model?.unscored} times, the last time: ${model?.lastText} (${model?.lastCode})`,
    remedy:
      'See what models list says of it. Readings are taken, kept and sent as ever; this rule says nothing of those without a score.',
  }
  const wrong: Issue = {
    code: 'rule-error',
    severity: 'warning',
    text: `rule ${name}: its expression had no result ${errors} times, the last time: ${lastError}`,
    remedy: 'See what type the values of its tags have, and change the expression or the tags that it reads.',
    of: name,
  }
  const full: Issue = {
    code: 'rule-window-full',
    severity: 'warning',
    text: `rule ${name}: ${overflowed} readings or events found no room`,
    remedy: 'Give the rule a shorter window or fewer tags, or let its tags report less often.',
    of: name,
  }
  return [...((model?.unscored ?? 0) > 0 ? [unscored] : []), ...(errors > 0 ? [wrong] : []), ...(overflowed > 0 ? [full] : [])]
}
