import { errorOf } from '../api/errors.ts'

/** A refusal that is about one field, and stands there. */
export function isAt(error: unknown, field: string): boolean {
  return error !== undefined && errorOf(error).problems.some((it) => it.where === field)
}
