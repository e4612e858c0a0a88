#!/usr/bin/env bash
# The Debian part of the root, as a tar file that is made once for a list of packages: root.sh BOARD
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1
board_facts "$board"
packages=$(listed images/packages.txt),$boot_packages
tar=$cache/root-$architecture-$(hash_of images/packages.txt images/root.sh "hardware/$board/facts.sh").tar
[ -e "$tar" ] && exit 0

# What the boot needs goes into the initrd: the root is a squashfs file system.
initrd='mkdir -p "$1/etc/initramfs-tools/conf.d"; echo squashfs >> "$1/etc/initramfs-tools/modules"; echo COMPRESS=gzip > "$1/etc/initramfs-tools/conf.d/holdfast"'
documents=(--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
step "Debian for $architecture" debootstrapped "$architecture" "$tar.part.tar" "$packages" --variant=essential "${documents[@]}" \
  --customize-hook="$initrd" --customize-hook='chroot "$1" update-initramfs -u'
mv "$tar.part.tar" "$tar"
