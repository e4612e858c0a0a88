export const pathOf = (name: string, view = '') => `/sources/${encodeURIComponent(name)}${view && `/${view}`}`
