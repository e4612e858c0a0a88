#!/usr/bin/env bash
# One machine for one boot, its first serial line on standard input and output: qemu.sh BOARD FOLDER OPTION…
# FOLDER, below .cache/images, holds disk.img and the firmware's memory; OPTIONs are QEMU's. No hardware virtualisation: every run is the same.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1 folder=$2
shift 2
board_facts "$board"
[ -x "$cache/tools/usr/bin/$qemu" ] || fail 'the tools are missing: make images'
memory=$cache/$folder/firmware.fd
case $firmware_memory in
  # As it comes with the firmware; else as much of it as is said, with nothing in it.
  /*)
    [ -e "$memory" ] || cp --sparse=always "$cache/tools$firmware_memory" "$memory"
    with_firmware=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=$firmware")
    ;;
  *)
    [ -e "$memory" ] || truncate -s "$firmware_memory" "$memory"
    with_firmware=(-bios "$firmware")
    ;;
esac
in_tools "$qemu" $qemu_machine -accel tcg,thread=multi -smp "${CORES:-2}" -m 1024 -display none -no-reboot -nodefaults -serial stdio "${with_firmware[@]}" -drive "if=pflash,unit=1,format=raw,file=/made/$folder/firmware.fd" \
  -drive "if=none,id=disk,format=raw,file=/made/$folder/disk.img" -device virtio-blk-pci,drive=disk \
  -monitor "unix:/made/$folder/monitor.sock,server,nowait" -device virtio-rng-pci "$@"
