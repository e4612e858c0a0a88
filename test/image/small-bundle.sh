#!/usr/bin/env bash
# A bundle with next to nothing in it, signed by whoever wants to: small-bundle.sh BOARD VERSION CERTIFICATE KEY TO     TO below .cache/images
. "$(dirname "${BASH_SOURCE[0]}")/../../images/common.sh"
board=$1 version=$2 certificate=$3 key=$4 to=$5
work=$to.d
trap 'rm -rf "$work"' EXIT
rm -rf "$work" "$to"
mkdir -p "$work/tree" "$work/bundle"
# RAUC wants more than one block.
head -c 8000 /dev/urandom > "$work/tree/file"
sed "s/@BOARD@/$board/; s/@VERSION@/$version/" images/rauc/manifest.raucm > "$work/bundle/manifest.raucm"
cp "$certificate" "$work/certificate.pem"
install -m 600 "$key" "$work/key.pem"
inside=/made${work#"$cache"}
# Of nobody's keyring: it is only looked at by whoever signs it.
printf '[system]\ncompatible=holdfast-%s\nbootloader=noop\n[keyring]\npath=%s/certificate.pem\ncheck-purpose=codesign\n' "$board" "$inside" > "$work/sign.conf"
in_tools mksquashfs "$inside/tree" "$inside/bundle/rootfs.squashfs" -noappend -comp gzip -no-progress -quiet
in_tools rauc --conf="$inside/sign.conf" --cert="$inside/certificate.pem" --key="$inside/key.pem" bundle "$inside/bundle" "${inside%.d}"
