"""Prints the readings of `holdfast.block` values as records of readings, one JSON a line. From BLOCKS.md and FORMAT.md alone.

The file holds the values one after another, each behind its length (u32, little endian). Texts stand for what JSON cannot hold, as in the records.
"""

import base64
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "columns"))
from decoder import block_readings, check  # noqa: E402

FIELDS = {"double": "value_double", "long": "value_long", "bool": "value_bool", "string": "value_string", "bytes": "value_bytes"}
QUALITIES = ["good", "uncertain", "bad"]


def double_of(slot):
    number = struct.unpack("<d", struct.pack("<Q", int(slot, 16)))[0]
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def value_of(kind, text):
    if kind == "double":
        return double_of(text)
    if kind == "bool":
        return double_of(text) != 0
    if kind == "long":
        return int(text) if abs(int(text)) < 2**53 else text
    content = bytes.fromhex(text)
    return content.decode() if kind == "string" else base64.b64encode(content).decode()


def records(value):
    magic, version, size = struct.unpack_from("<HHI", value)
    check((magic, version) == (0x4248, 1), "not a block's record")
    head = json.loads(value[8 : 8 + size])
    series = {it["id"]: it for it in head["series"]}
    time = head.get("time", {"quality": "synchronised", "shiftUs": 0})
    for it in block_readings(value, 8 + size, {id: one["kind"] for id, one in series.items()}):
        own = series[it["series"]]
        has_value = it["quality"] < 4
        yield {
            "ts": it["time"] + (time["shiftUs"] if own.get("boxTime") else 0),
            "device": head["device"],
            "site": head["site"],
            "tag": own["tag"],
            FIELDS[own["kind"]]: value_of(own["kind"], it["value"]) if has_value else None,
            **({"unit": own["unit"]} if "unit" in own else {}),
            "quality": QUALITIES[it["quality"] & 3],
            "status_code": it["status"],
            "epoch": head["epoch"],
            "seq": it["sequence"],
            "ingest_ts": it["received"] + time["shiftUs"],
            "time_quality": "source" if time["quality"] == "synchronised" else time["quality"],
            "class": head["class"],
        }


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        for it in records(data[at + 4 : at + 4 + size]):
            print(json.dumps(it))
        at += 4 + size


main()
