#!/usr/bin/env bash
# The Debian part of the root, as a tar file that is made once for a list of packages: root.sh BOARD
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1
board_facts "$board"
packages=$(listed images/packages.txt),$boot_packages
tar=$(root_tar)
[ -e "$tar" ] && exit 0

# Laid before the kernel comes, so that the initrd is made once, and small: a boot loader reads it slowly.
initrd='mkdir -p "$1"/etc/initramfs-tools/conf.d "$1/usr/share/initramfs-tools/modules.d"
  grep -v "^#" images/modules.txt > "$1/usr/share/initramfs-tools/modules.d/holdfast"
  printf "COMPRESS=gzip\nMODULES=list\n" > "$1/etc/initramfs-tools/conf.d/holdfast"'
absent=()
while IFS= read -r it; do absent+=(--dpkgopt="path-exclude=/usr/lib/modules/*/kernel/$it/*"); done < <(grep -v '^#' images/absent.txt)
documents=(--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*'
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
step "Debian for $architecture" debootstrapped "$architecture" "$tar.part.tar" "$packages" --variant=essential "${documents[@]}" "${absent[@]}" \
  --essential-hook="$initrd"
mv "$tar.part.tar" "$tar"
