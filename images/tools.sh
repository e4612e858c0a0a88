#!/usr/bin/env bash
# Makes the root with the tools, once, and says so: tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ "$(dpkg --print-architecture)" = amd64 ] || fail 'the tools are made for amd64 machines only'

command -v mmdebstrap > /dev/null || step 'apt-get install mmdebstrap' bash test/ground/packages.sh mmdebstrap debian-archive-keyring
stamp=$(hash_of images/tools.txt)
[ -e "$cache/tools.stamp" ] && [ "$(< "$cache/tools.stamp")" = "$stamp" ] && exit 0
rm -rf --one-file-system "$cache/tools"
step 'tools (rauc, genimage, squashfs, qemu)' debootstrapped amd64 "$cache/tools" "$(listed images/tools.txt)" --variant=minbase
echo "$stamp" > "$cache/tools.stamp"
