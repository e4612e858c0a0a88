"""A Modbus device for the tests, from pymodbus. Reads one JSON line, prints `ready`, ends with its standard input.

{ "tcp": 23000, "host": "0.0.0.0" }, { "rtuTcp": 23000 } (RTU frames over TCP) or { "serial": "/dev/…", "baud": 19200 }, and
{ "units": { "1": { "coil": [[0, [true, …]]], "discrete": …, "holding": [[100, {"type": "FLOAT32", "value": 1.5, "order": "CDAB"}], [200, [1, 2, 3]]], "input": … } } }
{ "writesTo": FILE, "holdWhile": FILE } notes what is written, and answers when the second file is gone.
Addresses that are not there are answered with exception 2. Values are encoded by pymodbus; BADC and DCBA turn the bytes of each register.
"""

import asyncio
import json
import logging
import os
import sys
import time

from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def registers(entry):
    if isinstance(entry, list):
        return entry
    order = entry.get("order", "ABCD")
    words = "little" if order in ("CDAB", "DCBA") else "big"
    kind = ModbusClientMixin.DATATYPE[entry["type"]]
    value = entry["value"]
    if entry["type"] in ("INT64", "UINT64"):
        value = int(value)
    elif entry["type"].startswith("FLOAT"):
        value = float(value)
    plain = ModbusClientMixin.convert_to_registers(value, kind, word_order=words)
    if order in ("BADC", "DCBA"):
        return [((it & 255) << 8) | (it >> 8) for it in plain]
    return plain


def bits(entries):
    return [SimData(at, values=values, datatype=DataType.BITS) for at, values in entries] or [
        SimData(65535, values=[False], datatype=DataType.BITS)
    ]


def words(entries):
    return [SimData(at, values=registers(it), datatype=DataType.REGISTERS) for at, it in entries] or [
        SimData(65535, values=[0], datatype=DataType.REGISTERS)
    ]


def device(unit, tables):
    return SimDevice(
        int(unit),
        simdata=(
            bits(tables.get("coil", [])),
            bits(tables.get("discrete", [])),
            words(tables.get("holding", [])),
            words(tables.get("input", [])),
        ),
    )


async def main():
    # What a test asks for in vain is no news.
    logging.disable(logging.CRITICAL)
    asked = json.loads(sys.stdin.readline())
    units = {int(it) for it in asked["units"]}

    def only_own_units(sending, packet):
        # On a real line nobody answers for a unit that is not there; pymodbus would, with exception 4.
        return b"" if sending and packet and packet[0] not in units else packet

    def noted(sending, pdu):
        # What a client writes, a line each; its answer is late where the test wants that.
        if not sending and pdu.function_code in (5, 6, 15, 16):
            with open(asked["writesTo"], "a") as file:
                values = list(pdu.registers) or list(pdu.bits)
                file.write(json.dumps({"unit": pdu.dev_id, "code": pdu.function_code, "at": pdu.address, "values": values}) + "\n")
            while os.path.exists(asked.get("holdWhile", "")):
                time.sleep(0.05)
        return pdu

    tracing = {"trace_pdu": noted} if "writesTo" in asked else {}
    devices = [device(unit, tables) for unit, tables in asked["units"].items()]
    names = {"VendorName": "Pymodbus", "ProductCode": "PM", "MajorMinorRevision": "3"}
    identity = ModbusDeviceIdentification(info_name=names)
    if "tcp" in asked:
        server = ModbusTcpServer(devices, address=(asked.get("host", "127.0.0.1"), asked["tcp"]), identity=identity, **tracing)
    elif "rtuTcp" in asked:
        server = ModbusTcpServer(
            devices, address=("127.0.0.1", asked["rtuTcp"]), framer=FramerType.RTU, trace_packet=only_own_units, **tracing
        )
    else:
        server = ModbusSerialServer(
            devices,
            framer=FramerType.RTU,
            port=asked["serial"],
            baudrate=asked["baud"],
            parity="N",
            stopbits=1,
            trace_packet=only_own_units,
        )
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
