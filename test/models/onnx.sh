#!/usr/bin/env bash
# ONNX Runtime for this machine, as the add-on of it needs it: into .cache/onnx, by the machine's own npm. onnx.sh fetch
# The package is for every system at once (about 115 MB); 47 MB stay. It is no dependency of the product: only an add-on has it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=1.30.0
here=.cache/onnx/$version
cpu=x64
[ "$(uname -m)" = x86_64 ] || cpu=arm64
[ "${1:-}" = fetch ] || { echo 'onnx.sh fetch' >&2; exit 2; }

mkdir -p .cache/onnx
exec 9> .cache/onnx/lock
flock 9
if [ ! -e "$here/complete" ]; then
  echo "ONNX Runtime $version is fetched once, about 115 MB by npm, into .cache/onnx" >&2
  rm -rf "$here" "$here.all"
  mkdir -p "$here.all"
  npm install --prefix "$here.all" --ignore-scripts --no-save --no-package-lock --no-audit --no-fund --loglevel=error "onnxruntime-node@$version" >&2
  all=$here.all/node_modules
  bin=onnxruntime-node/bin/napi-v6/linux/$cpu
  mkdir -p "$here/node_modules/$(dirname "$bin")" "$here/node_modules/onnxruntime-common/dist"
  mv "$all/$bin" "$here/node_modules/$bin"
  mv "$all/onnxruntime-node/dist" "$all/onnxruntime-node/package.json" "$here/node_modules/onnxruntime-node/"
  mv "$all/onnxruntime-common/dist/cjs" "$here/node_modules/onnxruntime-common/dist/"
  mv "$all/onnxruntime-common/package.json" "$here/node_modules/onnxruntime-common/"
  rm -rf "$here.all"
  touch "$here/complete"
fi
echo "$here"
