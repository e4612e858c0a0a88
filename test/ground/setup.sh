#!/usr/bin/env bash
# Installs what is missing, says so, and is done in a moment when nothing is. setup.sh [run|test]
#   run    what `make run` needs: npm packages (Node 24 among them), Java and Kafka, the MQTT broker
#   test   also the test servers written in Python, the serial line, and what fails and fills disks
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
wanted=${1:-test}
PATH=$PATH:/usr/sbin:/sbin
cache=$PWD/.cache
log=$cache/setup.log
mkdir -p "$cache"

say() { echo "set-up: $*"; }

# WHAT WHY COMMAND…: one line that says it, and when it is done how long it took; what the command prints goes to the log.
step() {
  local what=$1 why=$2 begun=$SECONDS
  shift 2
  printf 'set-up: %s (%s) … ' "$what" "$why"
  if "$@" > "$log" 2>&1 9>&-; then
    echo "$((SECONDS - begun)) s"
  else
    local code=$?
    echo "failed"
    tail -n 20 "$log" >&2
    say "what failed: $*" >&2
    say "its whole output is in .cache/setup.log" >&2
    exit "$code"
  fi
}

# ---- Debian packages: one call for all that is missing
packages=() reasons=()
need() { # PACKAGES REASON CHECK…: asked for when the check fails
  local names=$1 reason=$2
  shift 2
  "$@" > /dev/null 2>&1 && return
  read -ra names <<< "$names"
  packages+=("${names[@]}")
  reasons+=("${names[0]}: $reason")
}
has() { command -v "$1"; }
has_c() { echo '#include <stdio.h>' | gcc -E -; }
has_venv() { python3 -c 'import ensurepip, venv'; }
has_rauc() { has rauc && has mksquashfs && has dbus-daemon; }
java_17() { [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge 17 ]; }

find_missing_packages() {
  need ca-certificates 'encrypted downloads' test -s /etc/ssl/certs/ca-certificates.crt
  need 'npm nodejs' 'fetches the JavaScript packages and Node 24' has npm
  need default-jre-headless 'Kafka runs on it' java_17
  [ -e "$cache/kafka-libs/complete" ] || need maven 'fetches Kafka, once' has mvn
  need mosquitto 'the MQTT broker of the simulated plant' has mosquitto
  if [ "$wanted" = test ]; then
    need 'python3 python3-venv' 'test servers for OPC UA and Modbus' has_venv
    [ -e "$cache/kafka-libs/complete" ] && ! bash test/consumers/consumers.sh ready && need maven "fetches Kafka's consumers, once" has mvn
    need default-jdk-headless 'compiles the Kafka Streams app of the tests' has javac
    bash test/sources/opcua/milo/milo.sh ready || need maven 'fetches Eclipse Milo, once' has mvn
    need libmodbus-dev 'a Modbus device for tests' test -e /usr/include/modbus/modbus.h
    need systemd 'systemd-notify, by which the agent says that it goes on' has systemd-notify
    need socat 'serial lines to test Modbus RTU on' has socat
    need openssl 'certificates for tests' has openssl
    need chromium 'the browser in which the page is tested' has chromium
    need 'gcc libc6-dev' 'builds a library that fails disks in tests' has_c
    need e2fsprogs 'makes small partitions that tests fill' has mkfs.ext4
    need mount 'mounts them' has mount
    need 'rauc squashfs-tools dbus' 'writes the slots of simulated boxes' has_rauc
    need grub-common 'their boot environment' has grub-editenv
    need util-linux 'keeps a benchmark on one core' has taskset
    need iproute2 'network namespaces with links between them' has ip
    need nftables "the image's firewall, in such a namespace" has nft
  fi
}

install_packages() {
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; } && sudo -v; then
      as_root=(sudo)
    else
      say "these Debian packages are missing: ${packages[*]}"
      say "there is no way to become root here; type this as root, then try again:"
      echo "  bash $PWD/test/ground/packages.sh ${packages[*]}"
      exit 2
    fi
  fi
  for reason in "${reasons[@]}"; do say "missing $reason"; done
  step "apt-get install ${packages[*]}" 'no service is started' "${as_root[@]}" bash test/ground/packages.sh "${packages[@]}"
}

# ---- what is fetched into this folder: remembered by a fingerprint of what asked for it
fingerprint() { cat "$@" | sha256sum | cut -c1-64; }
is_stamped() { [ -e "$cache/$1.stamp" ] && [ "$(< "$cache/$1.stamp")" = "$2" ]; }
stamp() { echo "$2" > "$cache/$1.stamp"; }

# Node 24 and an npm of its own, beside the tree: the Debian ones are older, and an npm leaves out optional packages whose `engines` do not
# name the Node that it runs on itself (rolldown's binding), and the commands of optional packages (node).
first_node() {
  local arch=x64 version
  [ "$(uname -m)" = x86_64 ] || arch=arm64
  version=$(sed -n "s/.*\"node-linux-$arch\": \"\(.*\)\".*/\1/p" package.json)
  first=$cache/first-node/$version/node_modules
  node24=$first/node-linux-$arch/bin/node
  [ -x "$node24" ] && [ -e "$first/npm/bin/npm-cli.js" ] && return
  npm install --prefix "$cache/first-node/$version" --ignore-scripts --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "node-linux-$arch@$version" npm@11.19.1
}
fetch_npm_packages() {
  first_node || return
  "$node24" "$first/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error || return
  node_modules/.bin/node --version
}
npm_packages() {
  local now
  now=$(fingerprint package-lock.json)
  [ -x node_modules/.bin/node ] && is_stamped npm "$now" && return
  # npm ci empties the folder first: behind a link that would be somebody else's.
  [ ! -L node_modules ] || { say 'node_modules is a link to another folder; it is left alone, remove it first' >&2; exit 1; }
  step 'npm ci' 'the JavaScript packages and Node 24, into node_modules' fetch_npm_packages
  stamp npm "$now"
}

# Built anew whenever one of its sources, or what they import, is not what it was.
page() {
  local now
  now=$(find src/page src/core rootfs/usr/share/doc vite.*.ts package-lock.json -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -c1-64)
  [ -e build/page/index.html ] && is_stamped page "$now" && return
  PATH=$PWD/node_modules/.bin:$PATH step 'the web page' 'into build/page' npm run --silent page
  stamp page "$now"
}

kafka() {
  [ -e "$cache/kafka-libs/complete" ] && return
  step 'Apache Kafka' 'about 45 MB by Maven, into .cache/kafka-libs' bash test/kafka/kafka.sh fetch
}

consumers() {
  bash test/consumers/consumers.sh ready && return
  step 'Kafka Streams, Connect and MirrorMaker' 'about 105 MB by Maven, into .cache/consumer-libs' bash test/consumers/consumers.sh fetch
}

milo() {
  bash test/sources/opcua/milo/milo.sh ready && return
  step 'Eclipse Milo' 'an OPC UA server, about 20 MB by Maven, into .cache/milo-libs' bash test/sources/opcua/milo/milo.sh fetch
}

make_venv() {
  python3 -m venv --clear "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r test/ground/requirements.txt
}
python_tools() {
  local now
  now=$(python3 -V | fingerprint - test/ground/requirements.txt)
  [ -x "$cache/venv/bin/python" ] && is_stamped venv "$now" && return
  step 'Python test servers' 'into .cache/venv' make_venv
  stamp venv "$now"
}

# One at a time: two that install into the same folder would break each other.
exec 9> "$cache/setup.lock"
flock -n 9 || { say 'another set-up is at work here, waiting for it'; flock 9; }

find_missing_packages
[ "${#packages[@]}" = 0 ] || install_packages
npm_packages
page
kafka
[ "$wanted" != test ] || { consumers; milo; python_tools; }
