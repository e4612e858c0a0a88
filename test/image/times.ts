/** How long a boot may take. A machine that does other work too needs longer: BOOT_S. */
export const BOOT_MS_MAX = Number(process.env['BOOT_S'] ?? 300) * 1000
