#!/usr/bin/env bash
# Kafka Streams, Kafka Connect and MirrorMaker 2 as Apache ships them, for tests.
#
#   fetch             get their jars and compile the Streams app, once
#   ready             exit 0 when that is done
#   streams ARG…      the app of streams/ (brokers, application id, topic, state folder)
#   windows ARG…      the app that holds windows (its file says what it takes)
#   connect FILE…     Kafka Connect on one machine: the worker's properties, then each connector's
#   mirror FILE       MirrorMaker 2 by its properties
#
# Environment: CONSUMER_LIBS folder of the jars · CONSUMER_JVM flags
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=${CONSUMER_LIBS:-$here/../../.cache/consumer-libs}
bin=${JAVA_HOME:+$JAVA_HOME/bin/}
read -ra jvm <<< "${CONSUMER_JVM:--Xms64m -Xmx320m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn}"
stamp=complete-$(cat "$here/pom.xml" "$here"/streams/*.java | sha256sum | cut -c1-16)

# Two that fetch at a time would see half a folder: one waits for the other.
fetch() {
  [ -e "$libs/$stamp" ] && return
  mkdir -p "$libs"
  (
    flock 9
    [ -e "$libs/$stamp" ] && exit
    rm -rf "$libs"/*.jar "$libs"/classes "$libs"/complete-*
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(cd "$libs" && pwd)" 9>&-
    "${bin}javac" -cp "$libs/*" -d "$libs/classes" "$here"/streams/*.java
    touch "$libs/$stamp"
  ) 9>"$libs/.lock"
}
run() { exec "${bin}java" "${jvm[@]}" -cp "$libs/classes:$libs/*" "$@"; }

command=${1:-help}; shift || true
case $command in
  fetch) fetch ;;
  ready) [ -e "$libs/$stamp" ] ;;
  streams) fetch; run Totals "$@" ;;
  windows) fetch; run Windows "$@" ;;
  connect) fetch; run org.apache.kafka.connect.cli.ConnectStandalone "$@" ;;
  mirror) fetch; run org.apache.kafka.connect.mirror.MirrorMaker "$@" ;;
  help) sed -n '2,11p' "${BASH_SOURCE[0]}" ;;
  *) echo "consumers.sh: what is $command? See consumers.sh help" >&2; exit 1 ;;
esac
