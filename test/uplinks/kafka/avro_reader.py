"""Prints Avro values with Confluent's frame as records of JSON, one a line: by fastavro, with the schemas that the registry gives by their ids.

Arguments: the registry's address, a file with the values one after another, each behind its length (u32, little endian).
"""

import base64
import io
import json
import struct
import sys
import urllib.request

import fastavro

SCHEMAS = {}


def schema_of(registry, number):
    if number not in SCHEMAS:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{number}") as answer:
            SCHEMAS[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
    return SCHEMAS[number]


def plain(value):
    if isinstance(value, dict):
        return {name: plain(it) for name, it in value.items() if it is not None}
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value


def main():
    registry, path = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        magic, number = struct.unpack_from(">bI", data, at + 4)
        assert magic == 0, "no frame"
        reader = io.BytesIO(data[at + 9 : at + 4 + size])
        value = fastavro.schemaless_reader(reader, schema_of(registry, number), None)
        assert reader.read() == b"", "more than the schema says"
        print(json.dumps(plain(value)))
        at += 4 + size


main()
