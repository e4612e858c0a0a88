#!/usr/bin/env bash
# A bundle of what was made already, as another version: bundle.sh BOARD VERSION TO [FOLDER]     FOLDER: what lies over it
. "$(dirname "${BASH_SOURCE[0]}")/../../images/common.sh"
board=$1 version=$2 to=$3 over=${4:-}
squashfs=$to.squashfs
# As images/squashfs.sh packs it: what has not changed is found in the slot again.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
[ -z "$over" ] || over=/made${over#"$cache"}
in_tools bash -euc '
  root=$1 version=$2 to=$3 over=$4
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/{upper,work,tree}
  mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/tree
  sed -i "s/^IMAGE_VERSION=.*/IMAGE_VERSION=$version/" /mnt/tree/usr/lib/os-release
  sed -i "s/\"version\": \"[^\"]*\"/\"version\": \"$version\"/" /mnt/tree/usr/lib/holdfast/package.json /mnt/tree/etc/holdfast/image.json
  [ -z "$over" ] || cp -a --no-preserve=ownership "$over/." /mnt/tree/
  mksquashfs /mnt/tree "$to" -noappend -comp gzip -b 131072 -sort "$5" -no-progress -quiet -no-xattrs
' bundle "/made/$board/root" "$version" "/made${squashfs#"$cache"}" "$over" "/made/$board/sort"
bash images/bundle.sh "$board" "$version" "${CERTIFICATE:-images/keys/development.cert.pem}" "${KEY:-images/keys/development.key.pem}" "$squashfs" "$to"
