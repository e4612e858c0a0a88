// Aggregates as blocks: version 3 of the format, in src/columns/FORMAT.md under "Version 3: aggregates". The same header, whose source
// times are here the least window start and the greatest window end less 1 µs, and whose receive times are those that the caller names.
//
// What must always hold: rows are ordered by series. Values come back bit by bit where there are any; where `valued` is 0 the value
// columns come back as 0 and both times as the window's start, whatever was given.
export type { DecodedAggregates } from './decode.ts'
export { decodeAggregates } from './decode.ts'
export { AGGREGATES_MAX, createAggregateEncoder, rowsOf, splitAggregates } from './encode.ts'
