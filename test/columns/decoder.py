"""Reads a segment file, or blocks one after another, and prints each reading as a line of JSON. From FORMAT.md alone.

Without a series' kind the form of its values decides (which knows no string from bytes: contents are then bytes). Values: double, bool: the slot's
bits in hex; long: a decimal; string, bytes: hex.
"""

import json
import struct
import sys
import zlib

import zstandard

SECTIONS = ["runs", "times", "numbers", "distances", "exceptions", "planes", "flags", "entries", "contents", "bits"]
UNITS = {1: 1, 2: 1_000, 3: 1_000_000}
MASK = (1 << 64) - 1


class Damaged(Exception):
    pass


def check(holds, text):
    if not holds:
        raise Damaged(text)


def bits_of(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def single_bits(bits32):
    """The bits of a float32 as those of the same number as a double."""
    return bits_of(struct.unpack("<f", struct.pack("<I", bits32))[0])


def to_single(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def unzigzag(z):
    return (z >> 1) ^ -(z & 1)


def unpack(stored, raw_bytes):
    raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=raw_bytes)
    check(len(raw) == raw_bytes, "another length than was said")
    return raw


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        check(self.at + count <= len(self.data), "ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        number = shift = 0
        while True:
            it = self.byte()
            number |= (it & 0x7F) << shift
            shift += 7
            if it < 0x80:
                return number

    def signed(self):
        return unzigzag(self.varint())

    def doubles(self, count):
        return list(struct.unpack(f"<{count}d", self.take(8 * count)))


class Runs:
    """Series ids and, for each, the places of its readings in the block."""

    def __init__(self, reader, rows):
        self.ids, self.places, at, following = [], [], 0, 0
        for _ in range(reader.varint()):
            self.ids.append(following + reader.varint())
            following = self.ids[-1] + 1
            length = reader.varint() + 1
            self.places.append(range(at, at + length))
            at += length
        check(at == rows, "runs of another length")

    def each(self, reader, read):
        """A column that a run may share with the run before it."""
        column = []
        for number, places in enumerate(self.places):
            form = reader.byte()
            check(form < 2, "unknown form")
            if form == 1:
                check(number > 0 and len(self.places[number - 1]) == len(places), "as no run before")
                column += column[-len(places) :]
            else:
                column += read(len(places))
            check(len(column) == places.stop, "a run of another length")
        return column


def codes(reader, rows):
    if reader.byte() == 0:
        return [0] * rows
    column = []
    while len(column) < rows:
        what = reader.varint()
        column += [what] * (reader.varint() + 1)
    check(len(column) == rows, "a column of another length")
    return column


def indexes(reader, runs):
    def read(length):
        column, index = [], 0
        while len(column) < length:
            index += reader.signed()
            column += [index] * (reader.varint() + 1)
        return column

    return runs.each(reader, read)


def dictionary(reader):
    lengths = [reader.varint() for _ in range(reader.varint())]
    return [reader.take(length) for length in lengths]


def contents(reader, count, used):
    """Entry numbers; `used` is a list of one number."""
    entries = []
    for _ in range(count):
        code = reader.varint()
        entries.append(code - 1 if code > 0 else used[0])
        used[0] += code == 0
    return entries


def longs(reader, count):
    values, value = [], 0
    for _ in range(count):
        value = (value + unzigzag(reader.varint())) & MASK
        values.append(value)
    return values


def flags(reader, count):
    data = reader.take((count + 7) // 8)
    return [bits_of(float(data[i >> 3] >> (i & 7) & 1)) for i in range(count)]


def planes(data, count, width):
    """Numbers of `width` bytes from planes of `count` bytes each."""
    values, before = [], 0
    for i in range(count):
        before ^= sum(data[plane * count + i] << (8 * plane) for plane in range(width))
        values.append(before)
    return values


def decimals(ks, form, digits, distances):
    numbers = [k / 10**digits for k in ks]
    if form == 1:
        numbers = [to_single(it) for it in numbers]
    values = [bits_of(it) for it in numbers]
    return [(it + distance) & MASK for it, distance in zip(values, distances)] if form == 7 else values


def low_bits(data, start, width):
    part = int.from_bytes(data[start >> 3 : (start + width + 7) >> 3], "little")
    return part >> (start & 7) & ((1 << width) - 1)


def sums(differences):
    now, numbers = 0, []
    for it in differences:
        now += it
        numbers.append(now)
    return numbers


class Fresh:
    """Payloads 0 and 1."""

    def __init__(self, payload, header):
        self.reader, self.header = Reader(payload), header

    def columns(self):
        reader, rows = self.reader, self.header["rows"]
        runs = Runs(reader, rows)
        quality, status = codes(reader, rows), codes(reader, rows)
        received = self.received(runs)
        times = self.times(runs)
        kinds, values, used = [], [], [0]
        for places in runs.places:
            kind, slots = self.values(len(places), used)
            kinds.append(kind)
            values.append(slots)
        entries = dictionary(reader)
        check(len(entries) == used[0] and reader.at == len(reader.data), "more payload than readings")
        return runs, quality, status, received, times, kinds, values, entries, None

    def received(self, runs):
        reader = self.reader
        count = reader.varint()
        times = reader.doubles(count) if reader.byte() == 1 else sums([reader.signed() for _ in range(count)])
        if count == 1:
            return times * self.header["rows"]
        return [times[it] for it in indexes(reader, runs)]

    def times(self, runs):
        reader = self.reader
        form = reader.byte()
        if form == 0:
            return reader.doubles(self.header["rows"])
        state = {"first": 0, "delta": 0}

        def read(length):
            state["first"] += reader.signed()
            times = [state["first"]]
            for _ in range(length - 1):
                state["delta"] += reader.signed()
                times.append(times[-1] + state["delta"])
            return [it * UNITS[form] for it in times]

        return runs.each(reader, read)

    def values(self, count, used):
        reader = self.reader
        byte = reader.byte()
        form, digits = byte & 15, byte >> 4
        if form in (0, 1, 7):
            ks = sums([reader.signed() for _ in range(count)])
            return "double", decimals(ks, form, digits, [reader.signed() for _ in range(count)] if form == 7 else [])
        if form == 2:
            return "double", planes(reader.take(8 * count), count, 8)
        if form == 3:
            return "double", [single_bits(it) for it in planes(reader.take(4 * count), count, 4)]
        if form == 4:
            return "long", longs(reader, count)
        if form == 5:
            return "bool", flags(reader, count)
        check(form == 6, "unknown form of values")
        return "bytes", contents(reader, count, used)


class Sealed:
    """Payload 2."""

    def __init__(self, payload, header):
        self.header = header
        table = Reader(payload)
        lengths = [(table.varint(), table.varint()) for _ in SECTIONS]
        check(sum(raw for raw, _ in lengths) == header["raw_bytes"], "sections of another length")
        self.section = {}
        for name, (raw, packed) in zip(SECTIONS, lengths):
            self.section[name] = Reader(unpack(table.take(packed), raw) if packed > 0 else table.take(raw))
        check(table.at == len(payload), "bytes behind the sections")
        self.runs_reader = self.section["runs"]

    def columns(self):
        reader, rows = self.runs_reader, self.header["rows"]
        runs = Runs(reader, rows)
        quality, status = codes(reader, rows), codes(reader, rows)
        times = self.times(runs)
        received = self.received(runs, times)
        order = self.order(runs) if self.header["version"] == 2 else None
        kinds, values, used, plane_runs = [], [], [0], []
        for number, places in enumerate(runs.places):
            form = reader.byte()
            if form == 2:
                plane_runs.append(number)
            kind, slots = self.values(form, len(places), used)
            kinds.append(kind)
            values.append(slots)
        self.fill_planes(plane_runs, values, runs)
        entries = dictionary(self.section["contents"])
        check(len(entries) == used[0], "a dictionary of another length")
        check(all(it.at == len(it.data) for it in self.section.values()), "more payload than readings")
        return runs, quality, status, received, times, kinds, values, entries, order

    def integers(self, count, section):
        head = self.runs_reader.byte()
        order, width = head & 3, head >> 2
        check(order < 3, "unknown form of integers")
        base = self.runs_reader.signed() if order == 0 else 0
        numbers = [self.section[section].varint() for _ in range(count)]
        if width > 0:
            data = self.section["bits"].take((count * width + 7) // 8)
            numbers = [it << width | low_bits(data, i * width, width) for i, it in enumerate(numbers)]
        if order == 0:
            return [base + it for it in numbers]
        numbers = [unzigzag(it) for it in numbers]
        if order == 2:
            numbers = numbers[:1] + sums(numbers[1:])
        return sums(numbers)

    def times(self, runs):
        form = self.runs_reader.byte()
        if form == 0:
            return self.section["bits"].doubles(self.header["rows"])
        start = self.header["time_from"]
        return runs.each(self.runs_reader, lambda length: [start + it * UNITS[form] for it in self.integers(length, "times")])

    def received(self, runs, times):
        reader = self.runs_reader
        form = reader.byte()
        if form == 0:
            return [self.header["received_from"]] * self.header["rows"]
        if form == 4:
            late = [it for places in runs.places for it in self.integers(len(places), "times")]
            return [time + it for time, it in zip(times, late)]
        count = reader.varint()
        index = indexes(reader, runs)
        if form == 1:
            own = self.section["bits"].doubles(count)
        else:
            own = self.integers(count, "times")
            earliest = {}
            for place, it in enumerate(index):
                earliest.setdefault(it, times[place])
            own = [it + (self.header["received_from"] if form == 2 else earliest[n]) for n, it in enumerate(own)]
        return [own[it] for it in index]

    def order(self, runs):
        rows = self.header["rows"]
        count = self.runs_reader.varint()
        sources = indexes(self.runs_reader, runs) if count > 1 else [0] * rows
        following, at = [], self.header["first"]
        for source in range(count):
            following.append(at)
            at += sources.count(source)
        order = []
        for source in sources:
            order.append(following[source])
            following[source] += 1
        return order

    def values(self, form, count, used):
        reader = self.runs_reader
        if form in (0, 1, 7):
            digits, exceptions = reader.byte(), reader.varint()
            ks = self.integers(count, "numbers")
            distances = [self.section["distances"].signed() for _ in range(count)] if form == 7 else []
            return "double", self.excepted(decimals(ks, form, digits, distances), exceptions)
        if form == 3:
            exceptions = reader.varint()
            bits = [it if it >= 0 else (-1 - it) | 1 << 31 for it in self.integers(count, "numbers")]
            return "double", self.excepted([single_bits(it) for it in bits], exceptions)
        if form == 8:
            return "long", [it & MASK for it in self.integers(count, "numbers")]
        if form == 4:
            return "long", longs(self.section["numbers"], count)
        if form == 5:
            return "bool", flags(self.section["flags"], count)
        if form == 6:
            return "bytes", contents(self.section["entries"], count, used)
        check(form == 2, "unknown form of values")
        return "double", []

    def excepted(self, slots, count):
        reader, place = self.section["exceptions"], 0
        for _ in range(count):
            place += reader.varint()
            slots[place] = int.from_bytes(reader.take(8), "little")
            place += 1
        return slots

    def fill_planes(self, numbers, values, runs):
        parts = {number: b"" for number in numbers}
        for _ in range(8):
            for number in numbers:
                parts[number] += self.section["planes"].take(len(runs.places[number]))
        for number, data in parts.items():
            values[number] = planes(data, len(runs.places[number]), 8)


def header_of(data, at):
    head = data[at : at + 68]
    check(len(head) == 68, "ends too early")
    check(zlib.crc32(head[:64]) == struct.unpack_from("<I", head, 64)[0], "the header has changed")
    names = "magic version form stream first rows stored_bytes raw_bytes time_from time_to received_from received_to crc"
    return dict(zip(names.split(), struct.unpack_from("<HBBIdIIIddddI", head)))


def block_readings(data, at, kinds):
    header = header_of(data, at)
    stored = data[at + 68 : at + 68 + header["stored_bytes"]]
    check(len(stored) == header["stored_bytes"], "ends too early")
    check(zlib.crc32(stored) == header["crc"], "the payload has changed")
    check(header["version"] in (1, 2), "not readings")
    payload = unpack(stored, header["raw_bytes"]) if header["form"] == 1 else stored
    layout = Sealed if header["form"] == 2 else Fresh
    runs, quality, status, received, times, forms, values, entries, order = layout(payload, header).columns()
    check((min(times), max(times)) == (header["time_from"], header["time_to"]), "other times than the header's")
    check((min(received), max(received)) == (header["received_from"], header["received_to"]), "other receive times than the header's")
    for number, series in enumerate(runs.ids):
        kind = kinds.get(series, forms[number])
        for place, slot in zip(runs.places[number], values[number]):
            yield {
                "stream": header["stream"],
                "sequence": int(order[place] if order else header["first"] + place),
                "series": series,
                "kind": kind,
                "time": int(times[place]),
                "received": int(received[place]),
                "quality": quality[place],
                "status": status[place],
                "value": text_of(kind, forms[number], slot, entries),
            }


def text_of(kind, form, slot, entries):
    if form == "bytes":
        return entries[slot].hex()
    if kind == "long":
        return str(slot - (1 << 64) if slot >> 63 else slot)
    return f"{slot:016x}"


def notes_of(data, at):
    head = data[at : at + 20]
    check(len(head) == 20, "ends too early")
    check(zlib.crc32(head[:16]) == struct.unpack_from("<I", head, 16)[0], "the notes' header has changed")
    _, _, form, stored_bytes, raw_bytes, crc = struct.unpack_from("<HBBIII", head)
    stored = data[at + 20 : at + 20 + stored_bytes]
    check(zlib.crc32(stored) == crc, "the notes have changed")
    return json.loads(unpack(stored, raw_bytes) if form == 1 else stored), at + 20 + stored_bytes


def readings(data):
    kinds, at = {}, 0
    while at < len(data):
        magic = data[at : at + 2]
        if magic == b"HN":
            notes, at = notes_of(data, at)
            kinds.update((it["id"], it["kind"]) for it in notes.get("series", []))
            continue
        check(magic == b"HF", "neither notes nor a block")
        header = header_of(data, at)
        if header["version"] < 3:
            yield from block_readings(data, at, kinds)
        at += 68 + header["stored_bytes"]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        for reading in readings(file.read()):
            print(json.dumps(reading))
