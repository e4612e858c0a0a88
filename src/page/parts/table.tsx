// A table on a desk; on a phone each row is a card with the column's name before each value.
import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly key: string
  readonly title: ComponentChildren
  readonly cell: (row: Row) => ComponentChildren
  /** Numbers stand at the right. */
  readonly isNumber?: boolean
  /** The head of the card on a phone. */
  readonly isName?: boolean
}

interface Props<Row> {
  /** For screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly class?: string
}

export function Table<Row>({ caption, columns, rows, keyOf, class: more = '' }: Props<Row>) {
  return (
    <table class={`table ${more}`}>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map((it) => (
            <th key={it.key} scope="col" class={`${it.isNumber ? 'number ' : ''}c-${it.key}`}>
              {it.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map((it) => (
              <Cell key={it.key} column={it} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const kind = [column.isNumber && 'number', column.isName && 'name', `c-${column.key}`].filter(Boolean).join(' ')
  const label = typeof column.title === 'string' ? column.title : undefined
  return (
    <td class={kind} data-label={label}>
      {column.cell(row)}
    </td>
  )
}
