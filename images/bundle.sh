#!/usr/bin/env bash
# A signed bundle and its index: bundle.sh BOARD VERSION CERTIFICATE KEY SQUASHFS TO → TO, TO.index     all below .cache/images; SQUASHFS is taken away
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1 version=$2 certificate=$3 key=$4 squashfs=$5 to=$6
work=$to.d
# Signed with what the caller names; the key never stays beside the image.
trap 'rm -rf "$work"' EXIT
rm -rf "$work" "$to" "$to.index"
mkdir -p "$work/bundle"
mv "$squashfs" "$work/bundle/rootfs.squashfs"
sed "s/@BOARD@/$board/; s/@VERSION@/$version/" images/rauc/manifest.raucm > "$work/bundle/manifest.raucm"
inside=/made${work#"$cache"}
printf '[system]\ncompatible=holdfast-%s\nbootloader=noop\n[keyring]\npath=/made/%s/root/etc/rauc/keyring.pem\ncheck-purpose=codesign\n' "$board" "$board" > "$work/sign.conf"
cp "$certificate" "$work/certificate.pem"
install -m 600 "$key" "$work/key.pem"
# The root is packed already, and lies in the bundle as it lies in the slot: else a box would find nothing of what it has.
in_tools rauc --conf="$inside/sign.conf" --cert="$inside/certificate.pem" --key="$inside/key.pem" \
  --mksquashfs-args='-noD -noF -no-fragments' bundle "$inside/bundle" "${inside%.d}"
node images/bundle-index.ts "$to" "$work/bundle/rootfs.squashfs"
