// Models: what scores the figures of a rule, and what a score says of where it came from.
//
// A model is a signed file (models/FORMAT.md). It runs in a process of its own (scorer.ts), so that one that hangs or grows is cut off without anybody
// else noticing: a rule then gets no score, which is counted and is an issue.

/** What a rule hands a model, and what it wants of it. */
export interface RuleModel {
  readonly name: string
  /** By the model's own name of an input: an expression in CEL that yields a number. */
  readonly inputs: Readonly<Record<string, string>>
  /** By the name in the rule's expression: the model's own name of an output. */
  readonly outputs: Readonly<Record<string, string>>
  /** What takes longer is cut off. */
  readonly timeoutMs: number
}

export interface ModelsSettings {
  /** `ed25519:…`: whose models run here. */
  readonly keys: readonly string[]
  /** A model's process that grows past it is cut off. */
  readonly memoryBytesMax: number
}

/** Which model gave a score. */
export interface ModelVersion {
  readonly name: string
  readonly version: string
  /** Of its whole file, hexadecimal. */
  readonly sha256: string
}

/** By the model's own names. */
export type ModelFigures = Readonly<Record<string, number>>

export type Scored =
  | { readonly of: ModelVersion; readonly outputs: ModelFigures }
  | { readonly code: string; readonly text: string }

/** Answers in bounded time, whatever the model does. */
export type Score = (model: RuleModel, inputs: ModelFigures) => Scored

/** A file of a model on this box, as `models list` shows it. */
export interface ModelFile {
  /** Of the file, without its ending. */
  readonly name: string
  readonly bytes: number
  readonly version?: string | undefined
  readonly sha256?: string | undefined
  readonly inputs?: readonly string[] | undefined
  readonly outputs?: readonly string[] | undefined
  /** `ed25519:…` */
  readonly signedBy?: string | undefined
  /** Why it does not run. */
  readonly code?: string | undefined
  readonly text?: string | undefined
}

/** What is there to run rules' models with. */
export interface ModelsView {
  /** Version of the add-on, or why there is none. */
  readonly addon: {
    readonly version?: string | undefined
    readonly code?: string | undefined
    readonly text?: string | undefined
  }
  readonly models: readonly ModelFile[]
}

/** One piece of a file; at offset 0 a new one begins. */
export interface ModelPiece {
  readonly offset: number
  readonly base64: string
  /** Then it is proven, and takes the place of what had its name. */
  readonly isLast: boolean
}

export interface ModelTaken {
  readonly bytes: number
  /** Of the last piece: what it is. */
  readonly name?: string | undefined
  readonly version?: string | undefined
}

export interface ModelsApi {
  models(): Promise<ModelsView>
  /** A model, or the add-on. Rejects with BadInput where it may not run here. */
  addModel(piece: ModelPiece): Promise<ModelTaken>
  removeModel(name: string): Promise<void>
}
