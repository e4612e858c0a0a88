#!/usr/bin/env bash
# A real hawkBit update server on this machine's loopback, for tests.
#
#   fetch                     get its jars (about 65 MB by Maven) and compile Server.java, once
#   ready                     exit 0 when that is done
#   serve PORT DIR            the server over TLS in the foreground; DIR/tls.p12 (password: test) is its certificate
#
# Environment: HAWKBIT_LIBS folder of the jars
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=${HAWKBIT_LIBS:-$here/../../.cache/hawkbit-libs}
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
    # Its Spring reads class files of Java 8.
    "${bin}javac" --release 8 -Xlint:-options -cp "$libs/*" -d "$libs/classes" "$here"/*.java
    touch "$libs/$stamp"
  ) 9>"$libs/.lock"
}

command=${1:-help}; shift || true
case $command in
  fetch) fetch ;;
  ready) [ -e "$libs/$stamp" ] ;;
  serve)
    fetch
    exec "${bin}java" -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto --add-opens java.base/java.lang=ALL-UNNAMED \
      -cp "$libs/classes:$here:$libs/*" Server --server.port="$1" --server.address=127.0.0.1 \
      --server.ssl.key-store="$2/tls.p12" --server.ssl.key-store-password=test --server.ssl.key-store-type=PKCS12 \
      --org.eclipse.hawkbit.repository.file.path="$2/artifacts" --spring.config.location="file:$here/hawkbit.properties"
    ;;
  help) sed -n '2,8p' "${BASH_SOURCE[0]}" ;;
  *) echo "hawkbit.sh: what is $command? See hawkbit.sh help" >&2; exit 1 ;;
esac
