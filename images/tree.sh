#!/usr/bin/env bash
# Puts the root together: Debian, then what is Holdfast's: tree.sh BOARD KIND CERTIFICATE… → .cache/images/BOARD/root
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1 kind=$2
shift 2
board_facts "$board"
made=$cache/$board root=$cache/$board/root
version=$(node -p "require('./package.json').version")
# A version that is not for production is called so wherever a version is shown.
[ "$kind" = production ] || version=$version-$kind

rm -rf --one-file-system "$root"
mkdir -p "$root"
tar -C "$root" --numeric-owner -xf "$(root_tar)"
# The boot loader's modules go into its one file, not into the root.
rm -rf "$made/grub"
mkdir -p "$made/grub"
mv "$root/usr/lib/grub/$grub_target" "$made/grub/"
rm -rf "$root"/{etc/ssh,etc/machine-id,etc/hostname,var/lib/dbus/machine-id,etc/resolv.conf,etc/motd,root/.bashrc,root/.profile} "$root"/var/{cache,log}/* \
  "$root"/var/lib/{apt,systemd}/* "$root"/etc/{shadow-,passwd-,group-,gshadow-}

# The index made from it is there; fonts are for menus, which the boot loader does not have.
rm -rf "$root"/usr/lib/udev/hwdb.d "$root"/usr/share/{grub,bash-completion}

cp -a --no-preserve=ownership rootfs/. "$root/"
cp -a --no-preserve=ownership systemd/. "$root/usr/lib/systemd/system/"
mv "$root/usr/lib/systemd/system/50-holdfast.preset" "$root/usr/lib/systemd/system-preset/"
mkdir -p "$root"/usr/lib/holdfast "$root"/{state,data,boot/efi,etc/rauc} "$root"/var/lib/{iwd,systemd} "$root/etc/systemd/"{network,timesyncd.conf.d}
cp -a --no-preserve=ownership "$made/application/." "$root/usr/lib/holdfast/"
in_tools "$strip" "/made/$board/root/usr/lib/holdfast/node"
sed -i "s/\"version\": \".*\"/\"version\": \"$version\"/" "$root/usr/lib/holdfast/package.json"
sed "s/@BOARD@/$board/" images/rauc/system.conf > "$root/etc/rauc/system.conf"
cat "$@" > "$root/etc/rauc/keyring.pem"
# What an update is compared with.
printf 'IMAGE_ID=holdfast-%s\nIMAGE_VERSION=%s\n' "$board" "$version" >> "$root/usr/lib/os-release"
printf '{ "version": "%s", "kind": "%s", "board": "%s" }\n' "$version" "$kind" "$board" > "$root/etc/holdfast/image.json"

# Without a clock that runs on, a box begins at this time, and not in 1970.
touch -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" "$root/usr/lib/clock-epoch"
: > "$root/etc/machine-id"
ln -s /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
ln -sf "$(basename "$(ls "$root"/boot/vmlinuz-*)")" "$root/boot/vmlinuz"
ln -sf "$(basename "$(ls "$root"/boot/initrd.img-*)")" "$root/boot/initrd.img"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"

inside=/made/$board/root
in_tools systemd-sysusers --root="$inside"
# Nobody logs in by a password of the system, and nothing starts root's shell.
sed -i 's/^root:[^:]*:/root:!*:/' "$root/etc/shadow"
sed -i 's#^root:[^:]*:\(.*\):[^:]*$#root:*:\1:/usr/sbin/nologin#' "$root/etc/passwd"
in_tools systemctl --root="$inside" preset-all
for it in $consoles; do
  case $it in tty[0-9]) in_tools systemctl --root="$inside" enable "getty@$it.service" ;; esac
done
in_tools systemctl --root="$inside" mask ctrl-alt-del.target debug-shell.service systemd-networkd-wait-online.service systemd-firstboot.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
in_tools systemd-tmpfiles --root="$inside" --create --exclude-prefix=/run --exclude-prefix=/dev --exclude-prefix=/proc --exclude-prefix=/sys || true
