"""Reads blocks of aggregates one after another from a file and prints each row as a line of JSON. From FORMAT.md alone, with what decoder.py
has for the parts that blocks of readings have as well.

Slots (min, max, first, last, sum, m2) are printed as bits in hex, contents as {"content": hex}.
"""

import json
import math
import struct
import sys
import zlib

from decoder import MASK, UNITS, Reader, Runs, bits_of, check, contents, decimals, dictionary, longs, planes, single_bits, sums, unpack

COLUMNS = ["min", "max", "first", "last"]


def header_of(data):
    magic, version, form, stream, first, rows, stored, raw = struct.unpack_from("<HBBIdIII", data)
    times = struct.unpack_from("<4d", data, 28)
    payload_crc, header_crc = struct.unpack_from("<II", data, 60)
    check(magic == 0x4648 and zlib.crc32(data[:64]) == header_crc, "no header")
    check(version == 3 and form < 2, "no block of aggregates")
    payload = data[68 : 68 + stored]
    check(len(payload) == stored and zlib.crc32(payload) == payload_crc, "another payload")
    head = {"stream": stream, "first": int(first), "rows": rows, "times": times, "length": 68 + stored}
    return head, unpack(payload, raw) if form == 1 else payload


def times(reader, runs, rows):
    form = reader.byte()
    if form == 0:
        return reader.doubles(rows)
    state = {"first": 0, "delta": 0}

    def read(length):
        state["first"] += reader.signed()
        column = [state["first"]]
        for _ in range(length - 1):
            state["delta"] += reader.signed()
            column.append(column[-1] + state["delta"])
        return [it * UNITS[form] for it in column]

    return runs.each(reader, read)


def counts(reader, rows):
    form = reader.byte()
    check(form < 3, "unknown form of counts")
    if form == 0:
        return [0] * rows
    if form == 2:
        return sums([reader.signed() for _ in range(rows)])
    column = []
    while len(column) < rows:
        what = reader.varint()
        column += [what] * (reader.varint() + 1)
    check(len(column) == rows, "a column of another length")
    return column


class Valued:
    """The rows with a value, and their runs, in which places are among these rows."""

    def __init__(self, runs, valued):
        self.rows, self.places = [], []
        for places in runs.places:
            own = [row for row in places if valued[row] > 0]
            if own:
                self.places.append(range(len(self.rows), len(self.rows) + len(own)))
                self.rows += own

    each = Runs.each


def forms_of(reader, places):
    forms = []
    for own in places:
        byte = reader.byte()
        form = {"places": own, "form": byte & 15, "digits": byte >> 4, "sum": 2, "m2": 2}
        if form["form"] != 6:
            form["sum"], form["m2"] = reader.byte(), reader.byte()
        forms.append(form)
    return forms


def slots_of(reader, forms):
    """By column, the slots of all rows with a value; the k of those that have one are left in the forms."""
    columns, used = {}, [0]
    for name in COLUMNS:
        columns[name] = []
        for it in forms:
            count = len(it["places"])
            if it["form"] in (0, 1, 7, 8):
                read = [reader.signed() for _ in range(count)]
                ks = sums(read) if name == "min" else [k + least for k, least in zip(read, it["min"])]
                it[name] = ks
                if it["form"] == 8:
                    columns[name] += [k & MASK for k in ks]
                else:
                    columns[name] += decimals(ks, min(it["form"], 1) if it["form"] != 7 else 0, it["digits"], [])
            elif it["form"] == 2:
                columns[name] += planes(reader.take(8 * count), count, 8)
            elif it["form"] == 3:
                columns[name] += [single_bits(slot) for slot in planes(reader.take(4 * count), count, 4)]
            elif it["form"] == 4:
                columns[name] += longs(reader, count)
            else:
                check(it["form"] == 6, "unknown form of values")
                columns[name] += contents(reader, count, used) if name in ("first", "last") else [0] * count
    for it in forms:
        if it["form"] == 7:
            for name in COLUMNS:
                for place in it["places"]:
                    columns[name][place] = (columns[name][place] + reader.signed()) & MASK
    return columns, used[0]


def moments(reader, forms, which, numbers_of):
    slots = []
    for it in forms:
        count = len(it["places"])
        if it["form"] == 6:
            slots += [0] * count
        elif it[which] == 2:
            slots += planes(reader.take(8 * count), count, 8)
        else:
            own = [bits_of(number) for number in numbers_of(it)]
            if it[which] == 1:
                own = [(slot + reader.signed()) & MASK for slot in own]
            slots += own
    return slots


def rows_of(head, payload):
    reader, count = Reader(payload), head["rows"]
    window = reader.varint()
    runs = Runs(reader, count)
    starts = times(reader, runs, count)
    good, uncertain, bad, idle, changes = [counts(reader, count) for _ in range(5)]
    valued = [(good[i] or uncertain[i]) - idle[i] for i in range(count)]
    from_to, following = [reader.signed() for _ in range(count)], 0
    sequences = []
    for i in range(count):
        first = following + from_to[i]
        last = first + good[i] + uncertain[i] + bad[i] - 1 + reader.signed()
        sequences.append((first, last))
        following = last + 1
    some = Valued(runs, valued)
    relative = [times(reader, some, len(some.rows)) for _ in range(2)] if some.rows else [[], []]
    forms = forms_of(reader, some.places)
    columns, used = slots_of(reader, forms)

    def sum_numbers(it):
        for place, least, most in zip(it["places"], it["min"], it["max"]):
            expected = math.floor(valued[some.rows[place]] * (least + most) / 2)
            yield (expected + reader.signed()) / 10 ** it["digits"]

    def m2_numbers(it):
        for place in it["places"]:
            yield reader.varint() / (float(valued[some.rows[place]]) * (10.0 ** it["digits"] * 10.0 ** it["digits"]))

    columns["sum"] = moments(reader, forms, "sum", sum_numbers)
    columns["m2"] = moments(reader, forms, "m2", m2_numbers)
    entries = dictionary(reader)
    check(len(entries) == used and reader.at == len(reader.data), "more payload than aggregates")
    place_of = {row: place for place, row in enumerate(some.rows)}
    form_of = {place: it["form"] for it in forms for place in it["places"]}
    for series, places in zip(runs.ids, runs.places):
        for i in places:
            place = place_of.get(i)
            row = {"sequence": head["first"] + i, "series": series, "windowStart": starts[i], "windowUs": window}
            row |= {"good": good[i], "uncertain": uncertain[i], "bad": bad[i], "valued": valued[i], "changes": changes[i]}
            row |= {"sequenceFrom": sequences[i][0], "sequenceTo": sequences[i][1]}
            for name, own in zip(("firstTime", "lastTime"), relative):
                row[name] = starts[i] + (own[place] if place is not None else 0)
            for name in (*COLUMNS, "sum", "m2"):
                slot = columns[name][place] if place is not None else 0
                is_content = place is not None and form_of[place] == 6 and name in ("first", "last")
                row[name] = {"content": entries[slot].hex()} if is_content else f"{slot:016x}"
            yield row


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        head, payload = header_of(data[at:])
        for row in rows_of(head, payload):
            print(json.dumps(row))
        at += head["length"]


main()
