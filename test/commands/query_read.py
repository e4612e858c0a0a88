# Reads files that `query` wrote with other people's readers (pyarrow, csv, json), and says what is in them so that nothing gets lost on
# the way: integers as text, doubles as the hexadecimal digits of their bits, bytes as base64.
import base64, csv, json, struct, sys
import pyarrow as pa
import pyarrow.parquet as pq


def exact(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"double": "nan" if value != value else struct.pack(">d", value).hex()}
    return {"bytes": base64.b64encode(value).decode()}


def parquet(path):
    file = pq.ParquetFile(path)
    table = file.read()
    types = {field.name: str(field.type) for field in table.schema}
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        columns[name] = [exact(it) for it in column.to_pylist()]
    return {"types": types, "rows": table.num_rows, "groups": file.num_row_groups, "columns": columns}


def csv_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, strict=True))


kind, path = sys.argv[1:]
if kind == "parquet":
    print(json.dumps(parquet(path)))
elif kind == "csv":
    print(json.dumps(csv_rows(path)))
else:
    text = open(path, encoding="utf-8").read()
    documents = [json.loads(it) for it in text.splitlines()] if kind == "ndjson" else json.loads(text)
    members = lambda it: {key: it[key] if isinstance(it[key], dict) else exact(it[key]) for key in it}
    print(json.dumps([members(it) for it in documents]))
