#!/usr/bin/env bash
# A stick with files on it: stick.sh TO FILE…     all of them below .cache/images
. "$(dirname "${BASH_SOURCE[0]}")/../../images/common.sh"
to=/made${1#"$cache"}
shift
in_tools bash -euc '
  to=$1; shift
  rm -f "$to"
  bytes=$(($(stat -c %s "$@" | paste -sd+) + 16000000))
  truncate -s "$bytes" "$to"
  mkfs.vfat "$to" > /dev/null
  mcopy -i "$to" "$@" ::/
' stick "$to" "${@/#"$cache"//made}"
