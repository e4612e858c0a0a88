// What vite.manual.ts makes of the manual.
declare module 'virtual:manual/*' {
  const pages: readonly import('./pages/manual/manual.ts').ManualPage[]
  export default pages
}
