#!/usr/bin/env bash
# Installs Debian packages without starting a service. Run as root: packages.sh NAME…
set -euo pipefail

policy=/usr/sbin/policy-rc.d
# Maintainer scripts ask this file before they start anything; 101 means no. A policy that stands there already is left alone.
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq -o DPkg::Lock::Timeout=900
apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 "$@" < /dev/null
