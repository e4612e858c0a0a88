// What a model says of a reading or a window, as an expression sees it. It is asked once, when the expression first names an output: what a cheaper
// condition before it has settled costs no score.
import type { ModelVersion, Score } from '../core/model.ts'
import type { RuleModelReport, RuleSettings } from '../core/rule.ts'
import type { Expression, Names } from './expression.ts'
import { compile } from './expression.ts'
import { ModelView } from './model-view.ts'

/** What an event says of it. */
export interface Said {
  readonly of: ModelVersion | undefined
  readonly outputs: Readonly<Record<string, number>>
}

export interface RuleScoring {
  /** Of the expressions of its inputs. */
  readonly usesSorted: boolean
  readonly baselines: Expression['baselines']
  /** What the model says of these, asked for when it is named. */
  viewOf(names: Names): ModelView
  /** What has been said in a view; undefined: it was not asked. */
  saidIn(view: ModelView): Said | undefined
  report(): RuleModelReport
}

const NONE: Score = () => ({ code: 'model-none', text: 'nothing here runs models' })

export function createScoring({ model, window }: RuleSettings, score: Score = NONE): RuleScoring | undefined {
  if (!model) return undefined
  const inputs = Object.entries(model.inputs).map(
    ([name, it]) => [name, compile(it, { hasWindow: window !== undefined })] as const,
  )
  const said = new WeakMap<ModelView, Said>()
  const told = {
    scored: 0,
    unscored: 0,
    lastCode: null as string | null,
    lastText: null as string | null,
    version: null as string | null,
  }

  function ask(names: Names): Said {
    const scored = score(model!, Object.fromEntries(inputs.map(([name, it]) => [name, it.figure(names)])))
    if ('code' in scored) {
      told.unscored++
      told.lastCode = scored.code
      told.lastText = scored.text
      return { of: undefined, outputs: {} }
    }
    told.scored++
    told.version = scored.of.version
    return { of: scored.of, outputs: scored.outputs }
  }

  return {
    usesSorted: inputs.some(([, it]) => it.usesSorted),
    baselines: inputs.flatMap(([, it]) => it.baselines),
    viewOf(names) {
      const view = new ModelView()
      const asked = () => {
        const known = said.get(view) ?? ask(names)
        said.set(view, known)
        return known
      }
      for (const [name, output] of Object.entries(model.outputs))
        Object.defineProperty(view, name, { enumerable: true, get: () => asked().outputs[output] ?? Number.NaN })
      return view
    },
    saidIn: (view) => said.get(view),
    report: () => ({ name: model.name, ...told }),
  }
}
