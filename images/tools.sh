#!/usr/bin/env bash
# Makes the root with the tools of all boards, once, and says so: tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ "$(dpkg --print-architecture)" = amd64 ] || fail 'the tools are made for amd64 machines only'

packages=$(listed images/tools.txt) absent=()
for it in $(boards); do
  board_facts "$it"
  packages+=,${tools// /,}
  # Patterns, which no file of this machine is to take the place of.
  read -ra without <<< "$tools_absent"
  absent+=("${without[@]/#/--dpkgopt=path-exclude=}")
done

command -v mmdebstrap > /dev/null || step 'apt-get install mmdebstrap' bash test/ground/packages.sh mmdebstrap debian-archive-keyring
stamp=$(echo "$packages" "${absent[@]}" | hash_of -)
[ -e "$cache/tools.stamp" ] && [ "$(< "$cache/tools.stamp")" = "$stamp" ] && exit 0
rm -rf --one-file-system "$cache/tools"
step 'tools (rauc, genimage, squashfs, qemu)' debootstrapped amd64 "$cache/tools" "$packages" --variant=minbase "${absent[@]}"
echo "$stamp" > "$cache/tools.stamp"
