"""Edge nodes for the tests: pysparkplug's own where it can, and frames that the test describes, encoded by Google's protobuf.

Reads one JSON command a line, answers each with {"done": N}; what hosts say comes between as {"topic": …, "text": …} or {"topic": …, "payload": …}.
  {"port": 1883}                                                        first line
  {"do": "connect", "group": "g", "node": "n", "metrics": [METRIC …], "devices": {"d": [METRIC …]}}
  {"do": "update", "node": "n", "device": "d" or null, "metrics": [METRIC …]}
  {"do": "register" | "deregister", "node": "n", "device": "d", "metrics": [METRIC …]}
  {"do": "disconnect" | "kill", "node": "n"}                            with its NDEATH, or so that the broker tells the will
  {"do": "raw", "topic": "…", "payload": {…}, "qos": 0}                 Payload by its field names, as protobuf's JSON has it
  {"do": "bytes", "topic": "…", "hex": "…"}
  {"do": "text", "topic": "…", "text": "…", "retain": true}
METRIC: {"name", "type", "value", "alias"?, "timestamp"?, "isHistorical"?}; 64-bit integers as text, bytes as base64, times as ms.
"""

import base64
import datetime
import json
import sys
import threading

import paho.mqtt.client as paho
from google.protobuf import json_format
from pysparkplug import Client, ClientOptions, DataType, Device, EdgeNode, Metric
from pysparkplug._protobuf import sparkplug_b_pb2 as pb

lock = threading.Lock()
nodes = {}


def say(**fields):
    with lock:
        print(json.dumps(fields), flush=True)


def utc(ms):
    return datetime.datetime.fromtimestamp(int(ms) / 1000, tz=datetime.timezone.utc)


def value_of(kind, value):
    if value is None:
        return None
    if kind in ("INT64", "UINT64"):
        return int(value)
    if kind in ("BYTES", "FILE"):
        return base64.b64decode(value)
    if kind == "DATETIME":
        return utc(value)
    if kind == "DATETIME_ARRAY":
        return tuple(utc(it) for it in value)
    if kind in ("INT64_ARRAY", "UINT64_ARRAY"):
        return tuple(int(it) for it in value)
    return tuple(value) if isinstance(value, list) else value


def metric(it):
    return Metric(
        timestamp=it.get("timestamp", 1790000000000),
        name=it["name"],
        datatype=DataType[it["type"]],
        value=value_of(it["type"], it.get("value")),
        alias=it.get("alias"),
        is_historical=it.get("isHistorical", False),
        is_null=it.get("value") is None,
    )


def metrics(list_):
    return tuple(metric(it) for it in list_)


def connect(port, it):
    node = EdgeNode(it["group"], it["node"], metrics(it["metrics"]), client=Client(client_options=ClientOptions(reconnect_on_failure=False)))
    for name, of in it.get("devices", {}).items():
        node.register(Device(name, metrics(of)))
    nodes[it["node"]] = node
    node.connect("127.0.0.1", port=port)


def run(port, raw, it):
    do = it["do"]
    node = nodes.get(it.get("node"))
    if do == "connect":
        connect(port, it)
    elif do == "update" and it.get("device"):
        node.update_device(it["device"], metrics(it["metrics"]))
    elif do == "update":
        node.update(metrics(it["metrics"]))
    elif do == "register":
        node.register(Device(it["device"], metrics(it["metrics"])))
    elif do == "deregister":
        node.deregister(it["device"])
    elif do == "disconnect":
        node.disconnect()
    elif do == "kill":
        node._client._client._sock_close()
    elif do == "raw":
        payload = json_format.ParseDict(it["payload"], pb.Payload())
        raw.publish(it["topic"], payload.SerializeToString(), qos=it.get("qos", 0)).wait_for_publish(10)
    elif do == "bytes":
        raw.publish(it["topic"], bytes.fromhex(it["hex"])).wait_for_publish(10)
    elif do == "text":
        raw.publish(it["topic"], it["text"], qos=1, retain=it.get("retain", False)).wait_for_publish(10)


def heard(_client, _data, message):
    if "/STATE/" in message.topic:
        say(topic=message.topic, text=message.payload.decode(), retain=bool(message.retain))
        return
    payload = pb.Payload()
    payload.ParseFromString(message.payload)
    say(topic=message.topic, payload=json_format.MessageToDict(payload))


def main():
    port = json.loads(sys.stdin.readline())["port"]
    raw = paho.Client(client_id="")
    ready = threading.Event()
    raw.on_message = heard
    raw.on_subscribe = lambda *_: ready.set()
    raw.on_connect = lambda client, *_: client.subscribe([("spBv1.0/+/NCMD/#", 0), ("spBv1.0/STATE/+", 1)])
    raw.connect("127.0.0.1", port)
    raw.loop_start()
    if not ready.wait(30):
        sys.exit("the broker does not answer")
    say(done=-1)
    for n, line in enumerate(sys.stdin):
        try:
            run(port, raw, json.loads(line))
            say(done=n)
        except Exception as error:  # the test shows it
            say(done=n, error=repr(error))


main()
