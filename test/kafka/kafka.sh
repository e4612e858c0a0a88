#!/usr/bin/env bash
# A real Apache Kafka on this machine's loopback, for tests and for `make run`.
# Needs bash, Java 17 or later, Maven (the first time), openssl (with KAFKA_SECURITY=1).
#
#   fetch                 get the broker's jars, once
#   tool   CLASS ARG...   one of Kafka's own programs in org.apache.kafka.tools, its jars fetched once
#   up     DIR PORT [N]   N brokers (1) with their data in DIR; prints the bootstrap address when they answer
#   kill   DIR [I]        kill -9 broker I (1)
#   stop   DIR [I]        end broker I in an orderly way
#   start  DIR [I]        broker I again, on the data it had
#   down   DIR            end all brokers of DIR
#   status DIR            a line for each broker
#
# Broker I listens from PORT + 10 × (I-1):  +0 plain, +1 controller and, with KAFKA_SECURITY=1,
# +2 SASL, +3 SASL over TLS, +4 TLS with client certificates, +5 TLS without any authentication of the client.
# SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; users box/box-secret and guest/guest-secret.
# DIR/tls: ca.pem, client.pem and client.key (CN=box), stranger.pem (a CA that signed nothing here).
#
# Environment: KAFKA_LIBS folder of the jars, KAFKA_TOOL_LIBS of those of the tools · KAFKA_JVM flags · KAFKA_PROPS a file whose lines go last into the
# brokers' properties · KAFKA_SECURITY=1 · KAFKA_USERS more users for SCRAM, each NAME with NAME-secret
# KAFKA_FEATURES levels to begin with, as transaction.version=1 · KAFKA_WAIT seconds to become ready (120)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=${KAFKA_LIBS:-$here/../../.cache/kafka-libs}
tool_libs=${KAFKA_TOOL_LIBS:-$here/../../.cache/kafka-tool-libs}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
jvm=${KAFKA_JVM:--Xms192m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=4}
ready_seconds=${KAFKA_WAIT:-120}
stop_seconds=15
read -ra more_users <<< "${KAFKA_USERS:-}"
users=(box guest "${more_users[@]}")

fail() { echo "kafka.sh: $*" >&2; exit 1; }
secured() { [ "${KAFKA_SECURITY:-}" = 1 ]; }
running() { [ -s "$1" ] && kill -0 "$(<"$1")" 2>/dev/null; }
brokers() { local f; for f in "$1"/broker-*.properties; do [ -e "$f" ] || continue; f=${f##*/broker-}; echo "${f%.properties}"; done; }
plain_port() { sed -n '/^listeners=PLAIN:/{s/^listeners=PLAIN:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p;q}' "$1"; }

# Two that fetch at a time would see half a folder: one waits for the other, and the folder counts once it is whole.
fetch() { # POM FOLDER
  [ -e "$2/complete" ] && return
  command -v mvn >/dev/null || fail "Maven is needed once, to fetch the broker"
  mkdir -p "$2"
  (
    flock 9
    [ -e "$2/complete" ] && exit
    mvn -q -B -f "$here/$1" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(cd "$2" && pwd)" >&2 9>&-
    touch "$2/complete"
  ) 9>"$2/.lock"
}

authority() { # NAME: a key and a certificate that signs others
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$1.key" -out "$1.pem" -subj "/CN=$1 of a test"
}
certificate() { # NAME COMMON-NAME
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1.pem" \
    -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1')
}
certificates() { # DIR
  [ -e "$1/tls/broker.all.pem" ] && return
  command -v openssl >/dev/null || fail "openssl is needed for KAFKA_SECURITY=1"
  mkdir -p "$1/tls"
  ( cd "$1/tls"
    authority ca; authority stranger; certificate broker localhost; certificate client box
    cat broker.key broker.pem ca.pem > broker.all.pem ) 2>/dev/null
}

properties() { # DIR PORT N I
  local dir=$1 n=$3 i=$4 base=$(($2 + 10 * ($4 - 1))) copies=1 in_sync=1 quorum="" j mechanism
  [ "$n" -ge 3 ] && copies=3 in_sync=2
  for j in $(seq "$n"); do quorum+="${quorum:+,}$j@127.0.0.1:$(($2 + 10 * (j - 1) + 1))"; done
  local open="PLAIN://127.0.0.1:$base" map="PLAIN:PLAINTEXT,CONTROL:PLAINTEXT"
  if secured; then
    open+=",SASL://127.0.0.1:$((base + 2)),SASLTLS://127.0.0.1:$((base + 3)),MUTUAL://127.0.0.1:$((base + 4)),TLS://127.0.0.1:$((base + 5))"
    map+=",SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL,MUTUAL:SSL,TLS:SSL"
  fi
  cat <<P
process.roles=broker,controller
node.id=$i
controller.quorum.voters=$quorum
controller.listener.names=CONTROL
inter.broker.listener.name=PLAIN
listeners=$open,CONTROL://127.0.0.1:$((base + 1))
advertised.listeners=$open
listener.security.protocol.map=$map
log.dirs=$dir/data-$i
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
transaction.abort.timed.out.transaction.cleanup.interval.ms=2000
# A broker that was killed must be let in again soon.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
P
  if secured; then
    cat <<P
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/broker.all.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.mutual.ssl.client.auth=required
P
    for j in sasl sasltls; do
      echo "listener.name.$j.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$(printf ' user_%s="%s"' box box-secret guest guest-secret);"
      for mechanism in 256 512; do
        echo "listener.name.$j.scram-sha-$mechanism.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
      done
    done
  fi
  [ -z "${KAFKA_PROPS:-}" ] || cat "$KAFKA_PROPS"
}

format() { # DIR I CLUSTER
  [ -e "$1/data-$2/meta.properties" ] && return
  local accounts=() features=() user mechanism feature
  for feature in ${KAFKA_FEATURES:-}; do features+=(--feature "$feature"); done
  for user in "${users[@]}"; do for mechanism in 256 512; do
    accounts+=(--add-scram "SCRAM-SHA-$mechanism=[name=$user,password=$user-secret]")
  done; done
  "$java" -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$libs/*" \
    kafka.tools.StorageTool format -t "$3" -c "$1/broker-$2.properties" "${accounts[@]}" "${features[@]}" > "$1/format-$2.log" 2>&1 ||
    { cat "$1/format-$2.log" >&2; fail "formatting failed"; }
}

# A session of its own and no descriptor of ours: neither Ctrl-C nor a waiting pipe reaches the daemon.
launch() { # DIR I
  local dir=$1 pid_file=$1/broker-$2.pid
  running "$pid_file" && fail "broker $2 runs already"
  : > "$dir/broker-$2.log"
  (
    for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && eval "exec $fd>&-" 2>/dev/null || true; done
    # shellcheck disable=SC2086
    exec setsid "$java" $jvm -Djava.net.preferIPv4Stack=true -Dorg.slf4j.simpleLogger.showDateTime=true \
      -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$libs/*" kafka.Kafka "$dir/broker-$2.properties"
  ) < /dev/null >> "$dir/broker-$2.log" 2>&1 &
  echo $! > "$pid_file"
  disown
}

await() { # DIR I
  local log=$1/broker-$2.log until=$((SECONDS + ready_seconds)) port
  port=$(plain_port "$1/broker-$2.properties")
  until grep -q 'Kafka Server started' "$log" && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    running "$1/broker-$2.pid" || { tail -5 "$log" >&2; fail "broker $2 ended, see $log"; }
    [ $SECONDS -lt $until ] || fail "broker $2 is not ready after $ready_seconds s, see $log"
    sleep 0.1
  done
}

end() { # SIGNAL PID-FILE: returns when the process is gone
  if running "$2"; then
    local pid until=$((SECONDS + stop_seconds)); pid=$(<"$2")
    kill "-$1" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
      [ $SECONDS -lt $until ] || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.05
    done
  fi
  rm -f "$2"
}

command=${1:-help}; shift || true
if [ "$command" != fetch ] && [ "$command" != tool ] && [ "$command" != help ]; then [ $# -ge 1 ] || fail "$command: which folder?"; fi
case $command in
  fetch) fetch pom.xml "$libs" ;;
  tool)
    fetch tools.pom.xml "$tool_libs"
    # shellcheck disable=SC2086
    exec "$java" $jvm -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$tool_libs/*" "org.apache.kafka.tools.$@" ;;
  up)
    [ $# -ge 2 ] || fail "up DIR PORT [N]"
    fetch pom.xml "$libs"; mkdir -p "$1"; dir=$(cd "$1" && pwd) count=${3:-1}
    secured && certificates "$dir"
    [ -s "$dir/cluster" ] || echo "holdfast$(printf %014d $RANDOM)" > "$dir/cluster"
    for i in $(seq "$count"); do
      running "$dir/broker-$i.pid" && continue
      properties "$dir" "$2" "$count" "$i" > "$dir/broker-$i.properties"
      format "$dir" "$i" "$(<"$dir/cluster")"
      launch "$dir" "$i"
    done
    for i in $(seq "$count"); do await "$dir" "$i"; done
    echo "127.0.0.1:$2" ;;
  start) dir=$(cd "$1" && pwd); launch "$dir" "${2:-1}"; await "$dir" "${2:-1}" ;;
  kill) end KILL "$1/broker-${2:-1}.pid" ;;
  stop) end TERM "$1/broker-${2:-1}.pid" ;;
  down)
    for i in $(brokers "$1"); do running "$1/broker-$i.pid" && kill -TERM "$(<"$1/broker-$i.pid")" 2>/dev/null || true; done
    for i in $(brokers "$1"); do end TERM "$1/broker-$i.pid"; done ;;
  status)
    for i in $(brokers "$1"); do
      if running "$1/broker-$i.pid"; then
        pid=$(<"$1/broker-$i.pid")
        echo "broker $i up pid $pid resident $(($(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status") / 1024)) MB"
      else echo "broker $i down"; fi
    done ;;
  help) sed -n '2,21p' "${BASH_SOURCE[0]}" ;;
  *) fail "what is $command? See kafka.sh help" ;;
esac
