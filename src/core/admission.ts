// What an uplink may send at this moment. Asked before each transaction: windows open and close, links come and go, budgets run out, and
// another uplink may be the one that has a class now.

/** The way out of the box that a connection takes. A change of it is a new connection. */
export interface Route {
  /** The interface by its name. */
  readonly link: string
  /** Source address of every socket, DNS included. */
  readonly localAddress: string
}

export interface Admitted {
  /** Classes to leave out now. */
  readonly except: readonly string[]
  /** Bytes that the next transaction may take on the wire; Infinity where nothing bounds it. */
  readonly bytesMax: number
  /** Undefined: whatever way the system has. */
  readonly route: Route | undefined
}

export interface Admission {
  now(): Admitted
}
