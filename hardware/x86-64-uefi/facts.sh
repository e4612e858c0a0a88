# x86-64 with UEFI, and the virtual machine that tests boot.
architecture=amd64
boot_packages=linux-image-amd64,grub-efi-amd64-bin
grub_target=x86_64-efi
boot_file=BOOTX64.EFI
# First the one that the kernel speaks on: the menu is on each.
consoles='tty1 ttyS0,115200n8'
