# The same rows in a Parquet file, as they come: reads one tag with pyarrow's filters. Prints bytes, and the best of some tries by range.
import json, os, sys, time
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

folder, tag, *bounds = sys.argv[1:]
column = lambda name, kind: np.fromfile(os.path.join(folder, name), dtype=kind)
times = column("time", "<f8").astype("int64")
table = pa.table(
    {
        "tag": column("tag", "<u4"),
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "value": column("value", "<f8"),
        "quality": np.zeros(len(times), "u1"),
        "received": pa.array(times + 1000, pa.timestamp("us", tz="UTC")),
    }
)
path = os.path.join(folder, "rows.parquet")
pq.write_table(table, path, compression="zstd", row_group_size=131_072)
del table

instant = lambda micros: pa.scalar(int(micros), pa.timestamp("us", tz="UTC"))


def read(begin, end):
    start = time.perf_counter()
    filters = [("tag", "==", int(tag)), ("time", ">=", instant(begin)), ("time", "<", instant(end))]
    found = pq.read_table(path, filters=filters)
    rows = found.to_pylist()
    seconds = time.perf_counter() - start
    return {"rows": len(rows), "seconds": seconds, "firstMs": seconds * 1000}


ranges = list(zip(bounds[::2], bounds[1::2]))
best = [min((read(*it) for _ in range(3)), key=lambda it: it["seconds"]) for it in ranges]
print(json.dumps({"bytes": os.path.getsize(path), "figures": best}))
