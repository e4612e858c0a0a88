#!/usr/bin/env bash
# Boots images and asks them whether they are well: test.sh [BOARD…]
# BOOT_S=900 where a boot takes longer than 300 s; CORES=1 leaves the rest to others; KEEP=1 leaves the machine's disk below .cache/images/machines.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
wanted=("$@")
[ $# -gt 0 ] || read -ra wanted <<< "$(boards)"
for board in "${wanted[@]}"; do
  [ -e "$cache/$board/out/disk.img" ] || fail "there is no image of $board: make images BOARD=$board"
  BOARD=$board node node_modules/vitest/vitest.mjs run --config test/image/vitest.config.ts ${ONLY:-}
done
