/** Whose add-ons run, as the image has it. A file of its own: what reads add-ons is not loaded for its name. */
export const ADDON_KEYRING = '/etc/holdfast/addon-keys'
