// What the checks across keys share: values as they stand in the file, whatever they are, and a problem with its path.
import type { Path } from './yaml-tree.ts'

export interface Found {
  readonly path: Path
  readonly at?: 'key' | 'value'
  readonly text: string
  readonly remedy?: string
  readonly runs?: true
}

export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
