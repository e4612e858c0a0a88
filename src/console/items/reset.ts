import type { Item } from '../parts.ts'
import { nameTyped, newPassword } from '../questions.ts'

export const resetPassword: Item = {
  number: 6,
  title: 'Reset admin password',
  async run(session) {
    const { terminal, parts } = session
    const { access } = parts
    await terminal.print([
      'The claim code of this box sets a new password: on its label, where one was printed.',
      'All sessions end, and it stands as an issue until an admin has seen it.',
    ])
    if (!(await nameTyped(session, "sets the admin's password anew"))) return
    const code = await terminal.askSecret('Claim code (not shown): ')
    const password = await newPassword(terminal)
    const whose = await terminal.during(() => access.resetAdmin(code, password))
    await terminal.print([`${whose} has a new password.`])
  },
}
