import { tOf } from '../../words/index.ts'

/** A protocol that this page does not know keeps the name that the settings have. */
export const protocolName = (protocol: string): string => tOf(`protocol.${protocol}`) ?? protocol
