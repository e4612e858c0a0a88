#!/usr/bin/env bash
# From the root to what is given out: disk.sh BOARD CERTIFICATE KEY → .cache/images/BOARD/out/{disk.img,holdfast-BOARD.raucb,holdfast-BOARD.raucb.index}
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1 certificate=$2 key=$3
board_facts "$board"
made=$cache/$board
inside=/made/$board
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
version=$(node -p "require('$made/root/usr/lib/holdfast/package.json').version")

rm -rf "$made"/{input,temporary,tree}
mkdir -p "$made"/{input,temporary,tree/esp/EFI/BOOT,out}
bash images/squashfs.sh "$board" "$made/root" "$made/input/rootfs.squashfs"

# The boot loader is one file: its script is inside, the boot partition holds nothing that anybody could edit but which slot is next.
consoles_text=$(for it in $consoles; do printf 'console=%s ' "$it"; done)
sed "s/@CONSOLES@/$consoles_text/" images/grub.cfg > "$made/grub.cfg"
in_tools grub-script-check "$inside/grub.cfg"
in_tools grub-script-check "$inside/root/boot/options.cfg"
modules='part_gpt fat squash4 gzio normal configfile test regexp eval loadenv echo linux reboot sleep search search_fs_uuid'
in_tools grub-mkstandalone -O "$grub_target" -d "$inside/grub/$grub_target" -o "$inside/tree/esp/EFI/BOOT/$boot_file" --install-modules="$modules" \
  --modules="$modules" --fonts= --locales= --themes= "boot/grub/grub.cfg=$inside/grub.cfg"
in_tools grub-editenv "$inside/tree/esp/grubenv" create
in_tools grub-editenv "$inside/tree/esp/grubenv" set ORDER='A B' A_OK=1 A_TRY=0 B_OK=1 B_TRY=0

cp images/genimage.cfg "$made/genimage.cfg"
in_tools genimage --config "$inside/genimage.cfg" --rootpath "$inside/tree" --inputpath "$inside/input" --outputpath "$inside/out" --tmppath "$inside/temporary"
# The partitions that it was put together from.
rm -f "$made"/out/{esp.vfat,state.ext4,data.ext4}

bash images/bundle.sh "$board" "$version" "$certificate" "$key" "$made/input/rootfs.squashfs" "$made/out/holdfast-$board.raucb"
