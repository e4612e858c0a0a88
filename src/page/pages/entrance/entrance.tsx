import { PageHead } from '../../parts/card.tsx'

export function Entrance() {
  return <PageHead title="Holdfast" />
}
