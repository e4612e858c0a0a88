#!/usr/bin/env bash
# Puts the detectors that others wrote into .cache/detectors, once: about 130 MB to fetch, 620 MB on disk. Says where their Python is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
wanted=test/rules/score/requirements.txt
venv=.cache/detectors
stamp=$venv/made-of.txt
if ! cmp -s "$wanted" "$stamp"; then
  echo "detectors: river, pyod and stumpy into $venv …" >&2
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$stamp"
fi
echo "$PWD/$venv/bin/python"
