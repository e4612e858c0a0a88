// Ties a schema to the type of core that it describes: one that says something else, leaves a key out or has one more does not compile.
import { z } from 'zod'

/** The same with nothing read-only and every key there: what two types are compared by, so that an optional key that is missing counts too. */
type Whole<T> = T extends Uint8Array
  ? 'bytes'
  : T extends readonly unknown[]
    ? { -readonly [K in keyof T]: Whole<T[K]> }
    : T extends object
      ? { -readonly [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
      : T

type Assignable<A, B> = [A] extends [B] ? true : false
type Same<A, B> =
  Assignable<A, B> extends true ? (Assignable<Whole<A>, Whole<B>> extends true ? Assignable<Whole<B>, Whole<A>> : false) : false

/** `shapeOf<TestStep>()(z.object({ … }))` */
export const shapeOf =
  <T>() =>
  <S extends z.ZodType>(
    schema: S & (Same<z.output<S>, T> extends true ? unknown : 'the schema and the type differ'),
  ): z.ZodType<T> =>
    schema as unknown as z.ZodType<T>

/** Microseconds since 1970 UTC. */
export const micros = z.number().describe('microseconds since 1970 UTC')
/** How many. */
export const count = z.number()
/** Not there rather than undefined. */
export const maybe = <S extends z.ZodType>(schema: S) => z.exactOptional(schema)
export const bigint = z.bigint()
export const bytes = z.instanceof(Uint8Array) as unknown as z.ZodType<Uint8Array>
