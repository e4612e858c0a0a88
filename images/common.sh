# Shared by the scripts of this folder; sourced.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=$PWD/.cache/images
mkdir -p "$cache"
suite=trixie
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
. images/emulation.sh

say() { echo "images: $*"; }
fail() { say "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail 'root file systems can only be made by root: sudo make images'

# WHAT COMMAND…: one line with the time it took; what the command prints goes to a log.
step() {
  local what=$1 begun=$SECONDS log=$cache/${board:-tools}.log
  shift
  printf 'images: %s … ' "$what"
  if "$@" > "$log" 2>&1; then
    echo "$((SECONDS - begun)) s"
  else
    echo failed
    tail -n 30 "$log" >&2
    fail "$* failed; its whole output is in $log"
  fi
}

board_facts() { # BOARD
  local facts=hardware/$1/facts.sh
  [ -e "$facts" ] || fail "there is no board $1; there are: $(boards)"
  . "$facts"
}
boards() { for it in hardware/*/facts.sh; do basename "$(dirname "$it")"; done | tr '\n' ' '; }

# The mirror that this machine's apt uses for Debian itself.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
}

debootstrapped() { # ARCHITECTURE TO PACKAGES OPTION…
  local architecture=$1 to=$2 packages=$3
  shift 3
  emulated "$architecture" mmdebstrap --mode=root --architectures="$architecture" --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='DPkg::Lock::Timeout "900"' --aptopt='Acquire::Retries "3"' \
    --aptopt='Acquire::Check-Valid-Until "false"' --skip=check/qemu "$@" "$suite" "$to" "$(mirror)"
}

listed() { sed 's/#.*//' "$1" | tr -s ' \n' '\n' | grep . | paste -sd,; }
# The Debian part of a board's root; another list of packages is another file.
root_tar() { echo "$cache/root-$architecture-$({ listed images/packages.txt; echo "$boot_packages"; cat images/root.sh images/modules.txt images/absent.txt; } | hash_of -).tar"; }
hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# In the tools' root, which sees .cache/images as /made; mounts and processes end with the command.
in_tools() {
  unshare --mount --pid --fork --kill-child bash -euc '
    root=$1; shift; made=$1; shift
    mount --make-rprivate /
    mkdir -p "$root/made"
    mount --bind "$made" "$root/made"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t sysfs sysfs "$root/sys"
    exec chroot "$root" "$@"
  ' tools "$cache/tools" "$cache" "$@"
}
