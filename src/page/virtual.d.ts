// What vite.manual.ts makes of the manual.
declare module 'virtual:manual/*' {
  const pages: readonly import('./pages/manual/manual.ts').ManualPage[]
  export default pages
}
declare module 'virtual:licences' {
  const all: readonly import('./pages/about/licences.ts').Licence[]
  export default all
}
