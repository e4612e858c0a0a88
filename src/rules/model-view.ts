/** One property for each output of the rule; NaN where there is no score. */
export class ModelView {
  readonly [output: string]: number
}
