/** A file that does not run, or a model that gives no score; the code stands in the manual. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  constructor(code: string, text: string) {
    super(text)
    this.code = code
  }
}
