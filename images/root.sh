#!/usr/bin/env bash
# The Debian part of the root, as a tar file that is made once for a list of packages: root.sh BOARD
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1
board_facts "$board"
packages=$(listed images/packages.txt),$boot_packages
tar=$(root_tar)
[ -e "$tar" ] && exit 0

# The root is a squashfs file system, which the initrd must be able to mount; laid before the kernel comes, so that it is made once.
initrd='mkdir -p "$1"/etc/initramfs-tools/conf.d "$1/usr/share/initramfs-tools/modules.d"
  echo squashfs > "$1/usr/share/initramfs-tools/modules.d/holdfast"; echo COMPRESS=gzip > "$1/etc/initramfs-tools/conf.d/holdfast"'
documents=(--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
step "Debian for $architecture" debootstrapped "$architecture" "$tar.part.tar" "$packages" --variant=essential "${documents[@]}" \
  --essential-hook="$initrd"
mv "$tar.part.tar" "$tar"
