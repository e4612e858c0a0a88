# ARM64 with UEFI, and the virtual machine that tests boot.
architecture=arm64
node_cpu=arm64
boot_packages=linux-image-arm64,grub-efi-arm64-bin
grub_target=arm64-efi
boot_file=BOOTAA64.EFI
elf_machine=183
tools='binutils-aarch64-linux-gnu qemu-user qemu-system-arm qemu-efi-aarch64 u-boot-qemu'
# 700 MB: emulators of other processors, firmware that asks for signatures.
tools_absent='/usr/bin/qemu-a[!a]* /usr/bin/qemu-aarch64_* /usr/bin/qemu-[b-r]* /usr/bin/qemu-s[!y]* /usr/bin/qemu-x* /usr/share/AAVMF/*_CODE.[!n]* /usr/share/AAVMF/*_VARS.[!f]*'
strip=aarch64-linux-gnu-strip
# Runs programs of this processor on the machine that makes the image.
emulator=/usr/bin/qemu-aarch64
# The menu is on each; the last is /dev/console.
consoles='tty1 ttyAMA0,115200n8'
qemu=qemu-system-aarch64
# A processor without pointer authentication, which takes most of the time to emulate.
qemu_machine='-machine virt -cpu cortex-a72 -device ramfb'
case ${FIRMWARE:-uefi} in
  uefi)
    firmware=/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd
    firmware_memory=/usr/share/AAVMF/AAVMF_VARS.fd
    ;;
  # Starts the same file of the same disk: make test-image BOARD=arm64-uefi FIRMWARE=u-boot
  u-boot)
    firmware=/usr/lib/u-boot/qemu_arm64/u-boot.bin
    firmware_memory=64M
    # Its boards say by their device tree alone what they have, the power button too; QEMU's button is in ACPI's tables where there are such.
    qemu_machine+=' -machine acpi=off'
    # What the guide has people type once at its prompt, which is open until then.
    firmware_settings=hardware/arm64-uefi/u-boot.txt
    firmware_prompt='=> '
    ;;
esac
