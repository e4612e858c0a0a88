#!/usr/bin/env bash
# Whether these may make an image for production; says why not: production.sh KEY CERTIFICATE CERTIFICATE-OF-THE-KEYRING…
set -euo pipefail
fail() { echo "images: $*" >&2; exit 1; }
key=$1 certificate=$2
shift 2
for it in "$key" "$certificate" "$@"; do [ -r "$it" ] || fail "there is no file $it (KEY, CERTIFICATE and CERTIFICATES name files)"; done
[ $# -ge 2 ] || fail 'CERTIFICATES names two files, so that one key can be replaced'
# A line of its text, so that it is found beside others in one file.
mark=$(sed -n 2p "$(dirname "${BASH_SOURCE[0]}")/development.cert.pem")
for it in "$certificate" "$@"; do ! grep -qF "$mark" "$it" || fail "$it is the development certificate, whose key everybody has; it never stands beside others"; done
