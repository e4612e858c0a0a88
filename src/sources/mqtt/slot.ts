// One tag and its series, so that a reading costs a look-up and no more.

export type Kind = 'double' | 'long' | 'bool' | 'string'

/** One tag: the numbers of its series by kind, -1 where it has none yet. */
export interface Slot {
  readonly tag: string
  kind: Kind
  double: number
  long: number
  bool: number
  string: number
  /** Its series for readings that say no time; the slot itself where none is expected to. */
  boxTime: Slot | undefined
}

export function newSlot(tag: string, kind: Kind): Slot {
  return { tag, kind, double: -1, long: -1, bool: -1, string: -1, boxTime: undefined }
}

/** Where readings of the slot's tag go that this box's clock gave their time. */
export function boxTimeOf(slot: Slot): Slot {
  if (!slot.boxTime) {
    slot.boxTime = newSlot(slot.tag, slot.kind)
    slot.boxTime.boxTime = slot.boxTime
  }
  slot.boxTime.kind = slot.kind
  return slot.boxTime
}
