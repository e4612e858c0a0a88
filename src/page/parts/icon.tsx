// Drawn by hand on a grid of 24: strokes only, so that they take the colour of the text.
const PATHS = {
  overview: 'M4 13a8 8 0 0 1 16 0M12 13l4-4M4 18h16',
  sources: 'M7 3v6M17 3v6M5 9h14v3a7 7 0 0 1-14 0zM12 19v3',
  tags: 'M3 5h18M3 10h18M3 15h18M3 20h18M9 3v18',
  browser: 'M4 4h6v5H4zM14 9h6v5h-6zM14 16h6v5h-6zM7 9v10h7M7 12h7',
  retention: 'M4 20V5h4v15M10 20v-9h4v9M16 20v-4h4v4',
  log: 'M5 4h14v5H5zM5 9h14v5H5zM5 14h14v6H5zM8 6.5h2M8 11.5h2M8 17h2',
  uplinks: 'M12 20V5M6 11l6-6 6 6M5 21h14',
  settings: 'M4 7h9M17 7h3M4 12h3M11 12h9M4 17h10M18 17h2M15 5v4M9 10v4M16 15v4',
  network: 'M9 3h6v5H9zM3 16h6v5H3zM15 16h6v5h-6zM12 8v4M6 16v-4h12v4',
  update: 'M12 4v10M7 10l5 5 5-5M4 20h16',
  fleet: 'M3 8h8v6H3zM13 4h8v6h-8zM13 14h8v6h-8z',
  security: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2 2 4-4',
  diagnostics: 'M3 12h4l3-8 4 16 3-8h4',
  backup: 'M4 5h16v4H4zM6 9v11h12V9M10 13h4',
  about: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.5v.5',
  more: 'M5 12h.5M12 12h.5M19 12h.5',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  check: 'M4 12l5 6L20 6',
  cross: 'M6 6l12 12M18 6L6 18',
  right: 'M9 5l7 7-7 7',
  down: 'M5 9l7 7 7-7',
  left: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  search: 'M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l6 6',
  undo: 'M4 9h10a6 6 0 0 1 0 12h-4M8 5L4 9l4 4',
  edit: 'M4 20l1-5L16 4l4 4L9 19z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-5 4-7 8-7s8 2 8 7',
  download: 'M12 4v11M7 10l5 5 5-5M4 20h16',
  upload: 'M12 20V9M7 14l5-5 5 5M4 4h16',
} as const

export type IconName = keyof typeof PATHS

/** Says nothing to a screen reader: a word stands beside it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
