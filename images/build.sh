#!/usr/bin/env bash
# Disk images and signed bundles: build.sh [BOARD…]     all boards of hardware/ unless said
# KIND=development with the keys of this folder; KIND=production needs CERTIFICATES='FILE FILE' for the keyring, and CERTIFICATE=FILE KEY=FILE that sign.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kind=${KIND:-development}
case $kind in
  development) certificates=images/keys/development.cert.pem certificate=$certificates key=images/keys/development.key.pem ;;
  production)
    certificates=${CERTIFICATES:?two certificates, so that one key can be replaced} certificate=${CERTIFICATE:?whose key signs} key=${KEY:?the key that signs}
    bash images/keys/production.sh "$key" "$certificate" $certificates
    ;;
  *) fail "KIND is development or production, not $kind" ;;
esac

bash images/tools.sh
wanted=("$@")
[ $# -gt 0 ] || read -ra wanted <<< "$(boards)"
for board in "${wanted[@]}"; do
  board_facts "$board"
  bash images/root.sh "$board"
  mkdir -p "$cache/$board"
  step "$board: application" node images/application.ts "$architecture" "$cache/$board/application"
  step "$board: root ($kind)" bash images/tree.sh "$board" "$kind" $certificates
  step "$board: programs for its processor" node images/foreign-in.ts "$cache/$board/root" "$elf_machine"
  step "$board: scan for secrets" bash images/secrets.sh "$cache/$board/root"
  step "$board: units and firewall" bash images/verify.sh "$board"
  step "$board: disk and bundle" bash images/disk.sh "$board" "$certificate" "$key"
  step "$board: disk image, packed" node images/compress.ts "$cache/$board/out/disk.img"
  step "$board: list of what it is made of" node images/bill-of.ts "$board" "$node_cpu" "$cache/$board/root" "$cache/$board/out/sbom.cdx.json"
  for it in sbom.cdx.json disk.img disk.img.zst "holdfast-$board.raucb" "holdfast-$board.raucb.index"; do say "$board: $cache/$board/out/$it, $(du -m --apparent-size "$cache/$board/out/$it" | cut -f1) MiB"; done
done
