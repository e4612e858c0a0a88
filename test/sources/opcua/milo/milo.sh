#!/usr/bin/env bash
# An OPC UA server on Eclipse Milo, for tests.
#
#   fetch             get its jars and compile Server.java, once
#   ready             exit 0 when that is done
#   serve PORT KEY=N… the server; see Server.java
#
# Environment: MILO_LIBS folder of the jars
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=${MILO_LIBS:-$here/../../../../.cache/milo-libs}
bin=${JAVA_HOME:+$JAVA_HOME/bin/}
stamp=complete-$(cat "$here/pom.xml" "$here"/*.java | sha256sum | cut -c1-16)

# Two that fetch at a time would see half a folder: one waits for the other.
fetch() {
  [ -e "$libs/$stamp" ] && return
  mkdir -p "$libs"
  (
    flock 9
    [ -e "$libs/$stamp" ] && exit
    rm -rf "$libs"/*.jar "$libs"/classes "$libs"/complete-*
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(cd "$libs" && pwd)" 9>&-
    "${bin}javac" -cp "$libs/*" -d "$libs/classes" "$here"/*.java
    touch "$libs/$stamp"
  ) 9>"$libs/.lock"
}

command=${1:-help}; shift || true
case $command in
  fetch) fetch ;;
  ready) [ -e "$libs/$stamp" ] ;;
  serve)
    fetch
    exec "${bin}java" -Xms64m -Xmx400m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
      -cp "$libs/classes:$libs/*" Server "$@"
    ;;
  help) sed -n '2,9p' "${BASH_SOURCE[0]}" ;;
  *) echo "milo.sh: what is $command? See milo.sh help" >&2; exit 1 ;;
esac
