#!/usr/bin/env bash
# A root as it lies in a slot: squashfs.sh BOARD ROOT TO     both below .cache/images
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
board=$1 root=$2 to=$3
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
sort=$cache/$board/sort

# The application last, behind Node: a change of it leaves what lies before it as it was.
printf 'usr/lib/holdfast -100\nusr/lib/holdfast/node -50\n' > "$sort"
in_tools mksquashfs "/made${root#"$cache"}" "/made${to#"$cache"}" -noappend -comp gzip -b 131072 -sort "/made${sort#"$cache"}" -no-progress -quiet -no-xattrs
