"""Sizes of columns by other formats. Arguments: a folder of N.value and N.time (float64 each), a JSON list of tags. Prints JSON."""

import json
import os
import sys
import tempfile

import numpy
import pyarrow
import pyarrow.parquet
from pcodec import ChunkConfig, standalone

folder, tags = sys.argv[1], json.loads(sys.argv[2])
read = lambda n, what: numpy.fromfile(os.path.join(folder, f"{n}.{what}"), dtype=numpy.float64)
columns = [(tag, read(n, "time").astype(numpy.int64), read(n, "value")) for n, tag in enumerate(tags)]


def pcodec_bytes(column):
    return len(standalone.simple_compress(column, ChunkConfig(compression_level=8)))


def parquet_bytes(table):
    with tempfile.NamedTemporaryFile() as file:
        pyarrow.parquet.write_table(table, file.name, compression="zstd", compression_level=9)
        return os.path.getsize(file.name)


def long_table():
    times = numpy.concatenate([time for _, time, _ in columns])
    values = numpy.concatenate([value for _, _, value in columns])
    names = [tag for tag, time, _ in columns for _ in time]
    return pyarrow.table({"tag": names, "time": pyarrow.array(times, pyarrow.timestamp("us")), "value": values})


def wide_bytes():
    """One table for the series that have equal times."""
    groups = {}
    for tag, time, value in columns:
        groups.setdefault(time.tobytes(), []).append((tag, time, value))
    total = 0
    for group in groups.values():
        time = pyarrow.array(group[0][1], pyarrow.timestamp("us"))
        total += parquet_bytes(pyarrow.table({"time": time, **{tag: value for tag, _, value in group}}))
    return total


print(
    json.dumps(
        {
            "pcodec": sum(pcodec_bytes(time) + pcodec_bytes(value) for _, time, value in columns),
            "parquet": min(parquet_bytes(long_table()), wide_bytes()),
        }
    )
)
