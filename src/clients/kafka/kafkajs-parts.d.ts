// Parts of kafkajs 2.2.4 without types, as far as parts.ts, fetch.ts and the uplink use them.
declare module 'kafkajs/src/cluster/index.js' {
  export interface Connections {
    send(call: {
      request: object
      response: { decode(payload: Buffer): Promise<Buffer>; parse(payload: Buffer): Promise<Buffer> }
    }): Promise<Buffer>
  }
  export interface Node {
    readonly connectionPool: Connections
    offsetCommit(offsets: {
      groupId: string
      groupGenerationId: number
      memberId: string
      topics: readonly object[]
    }): Promise<unknown>
  }
  export default class Cluster {
    constructor(options: object)
    connect(): Promise<void>
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>
    refreshMetadata(): Promise<void>
    metadata(): Promise<{ readonly clusterId?: string; readonly topicMetadata: readonly { readonly topic: string }[] }>
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[]
    fetchTopicsOffset(
      topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
    ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>
    findBroker(which: { nodeId: string }): Promise<Node>
    findGroupCoordinator(which: { groupId: string }): Promise<Node>
  }
}
declare module 'kafkajs/src/protocol/requests/fetch/v11/request.js' {
  export default function fetchRequest(options: object): object
}
