#!/usr/bin/env bash
# Builds Telegraf from its Go module with the four plugins that the drill uses. Needs Go; takes a few minutes once.
set -euo pipefail
out=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.cache/peers
command -v go >/dev/null || { echo 'telegraf.sh: Go is needed (https://go.dev or the package golang)' >&2; exit 2; }
mkdir -p "$out"
echo 'telegraf.sh: building Telegraf 1.39.3 …'
GOBIN=$out GOFLAGS=-mod=mod go install -tags custom,inputs.mqtt_consumer,outputs.kafka,parsers.json,serializers.json \
  github.com/influxdata/telegraf/cmd/telegraf@v1.39.3
echo "telegraf.sh: $out/telegraf"
