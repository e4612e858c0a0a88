# x86-64 with UEFI, and the virtual machine that tests boot.
architecture=amd64
node_cpu=x64
boot_packages=linux-image-amd64,grub-efi-amd64-bin
grub_target=x86_64-efi
boot_file=BOOTX64.EFI
elf_machine=62
tools='binutils qemu-system-x86 ovmf'
tools_absent=
strip=strip
# The menu is on each; the last is /dev/console.
consoles='tty1 ttyS0,115200n8'
qemu=qemu-system-x86_64
qemu_machine='-machine q35 -cpu max -device VGA -device i6300esb -action watchdog=reset'
firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
firmware_memory=/usr/share/OVMF/OVMF_VARS_4M.fd
