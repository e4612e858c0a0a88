#!/usr/bin/env bash
# What a newcomer meets: `make run FOR=60` and `make test` in bare Debian roots that hold git and make only.
#   newcomer.sh [SUITE…]     bookworm and trixie unless said
# DIRTY=1 takes the files as they stand here instead of a clone of HEAD; RUN_FOR=60 seconds of `make run`;
# STEPS='run test' which of the two; PORTS=29700 first of the ten loopback ports.
# A root has its own mounts and processes (namespaces): when it ends, by whatever cause, both are gone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cache=$PWD/.cache/newcomer
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie)
run_for=${RUN_FOR:-60}
steps=${STEPS:-run test}
ports=${PORTS:-29700}
failed=0

say() { echo "newcomer: $*"; }
[ "$(id -u)" = 0 ] || { say "a root file system can only be made by root: sudo make newcomer"; exit 2; }
mkdir -p "$cache"

tools() {
  command -v debootstrap > /dev/null && return
  say 'installing debootstrap, which makes the roots'
  bash test/ground/packages.sh debootstrap debian-archive-keyring > "$cache/tools.log" 2>&1 || { tail "$cache/tools.log"; exit 1; }
}

# The mirror that this machine's apt uses for Debian itself.
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1; }

bare_root() { # SUITE: from the tarball, made once
  local suite=$1 root=$cache/root-$1 tarball=$cache/$1.tar
  rm -rf --one-file-system "$root"
  if [ ! -e "$tarball" ]; then
    say "$suite: making a bare root, once"
    debootstrap --variant=minbase --include=git,make "$suite" "$root" "$(mirror)" > "$cache/$suite-debootstrap.log" 2>&1 ||
      { tail "$cache/$suite-debootstrap.log"; return 1; }
    chroot "$root" apt-get clean
    tar -C "$root" -cf "$tarball.part" . && mv "$tarball.part" "$tarball"
  else
    mkdir -p "$root" && tar -C "$root" -xf "$tarball"
  fi
}

copy() { # FILE-OR-FOLDER PATH-IN-ROOT: when it exists here
  [ -e "$1" ] || return 0
  mkdir -p "$(dirname "$2")"
  cp -rL "$1" "$2"
}

# How this machine reaches its package registries: a newcomer's machine is set up for theirs in the same way.
client_configuration() { # ROOT
  local root=$1
  copy /etc/resolv.conf "$root/etc/resolv.conf"
  copy /etc/hosts "$root/etc/hosts"
  copy /usr/local/share/ca-certificates "$root/usr/local/share/"
  apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' > "$root/etc/apt/apt.conf.d/90machine" || true
  copy "$HOME/.npmrc" "$root/root/.npmrc"
  copy /etc/pip.conf "$root/etc/pip.conf"
  copy "$HOME/.config/pip/pip.conf" "$root/root/.config/pip/pip.conf"
  copy /etc/maven/settings.xml "$root/root/.m2/settings.xml"
  copy "$HOME/.m2/settings.xml" "$root/root/.m2/settings.xml"
}

client_variables() { env -0 | grep -zE '^([a-zA-Z_]*(_proxy|_PROXY)|[A-Z_]*(CERT|CERTS|CAINFO|CA_BUNDLE|CERT_FILE|CERT_DIR)|PIP_DEFAULT_TIMEOUT|PIP_INDEX_URL|npm_config_registry)=' || true; }

source_tree() { # ROOT
  local tree=$1/srv/holdfast
  if [ -n "${DIRTY:-}" ]; then
    mkdir -p "$tree"
    git ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
      tar --null -T - -cf - | tar -C "$tree" -xf -
    git -C "$tree" init -q
  else
    git clone -q --no-local . "$tree"
  fi
}

within() { # ROOT LOG COMMAND…: in the root, with mounts and processes of its own
  local root=$1 log=$2 variables=()
  shift 2
  mapfile -d '' variables < <(client_variables)
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -c '
    set -e
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" "$@"' within "$root" \
    env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${variables[@]}" \
    "$@" > "$log" 2>&1 < /dev/null
}

try() { # SUITE STEP MAKE-ARGUMENTS…
  local suite=$1 name=$2 log=$cache/$1-$2.log begun=$SECONDS verdict=passed
  shift 2
  say "$suite: make $* … (output in .cache/newcomer/${log##*/})"
  within "$cache/root-$suite" "$log" make -C /srv/holdfast "$@" || verdict=FAILED
  grep -aE '^(set-up:|run:|verify|plant verify| *(Test Files|Tests) )' "$log" | sed "s/^/  $suite  /" || true
  [ "$verdict" = passed ] || { failed=$((failed + 1)); tail -n 40 "$log" | sed "s/^/  $suite  | /"; }
  say "$suite: make $* $verdict after $((SECONDS - begun)) s"
}

tools
[ -n "${DIRTY:-}" ] || git diff --quiet HEAD || say 'what is not committed is left out (DIRTY=1 takes it along)'
for suite in "${suites[@]}"; do
  bare_root "$suite"
  client_configuration "$cache/root-$suite"
  source_tree "$cache/root-$suite"
  for step in $steps; do
    case $step in
      run) try "$suite" run run "FOR=$run_for" "PORTS=$ports" ;;
      test) try "$suite" test test ;;
      *) try "$suite" "$step" "$step" ;;
    esac
  done
  rm -rf --one-file-system "$cache/root-$suite"
done
[ "$failed" = 0 ] && say 'all passed' || { say "$failed failed"; exit 1; }
