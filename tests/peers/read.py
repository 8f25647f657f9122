"""Reads published tables with other readers and prints their rows as JSON: read.py duckdb SQL | polars DIR.

read.py differences JSON prints, of the tables that `names` names, those whose rows in the folders `one` and `other` are not the
same: doubles within 1e-9 of their size, for the order in which they are summed is no promise; all else exactly.

read.py tables DIR prints what each reader makes of every table below a folder: how many rows, and the types of the columns at rest."""

import datetime
import decimal
import json
import math
import pathlib
import sys


def plain(value):
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def duckdb_rows(sql):
    import duckdb

    result = duckdb.sql(sql)
    return [dict(zip(result.columns, row)) for row in result.fetchall()]


def polars_rows(table):
    import polars

    return polars.read_parquet(pathlib.Path(table) / "**/*.parquet", hive_partitioning=False).to_dicts()


def nearly(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1.0) or (one != one and other != other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(nearly(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(nearly, one, other))
    return type(one) is type(other) and one == other


def ordered(rows):
    """Rows by what is exact in them, then by their doubles, so that a last digit cannot change places."""
    exact = lambda row: [repr(value) for value in row.values() if not isinstance(value, float)]
    doubles = lambda row: [value for value in row.values() if isinstance(value, float)]
    return sorted(rows, key=lambda row: (exact(row), doubles(row)))


def differences(asked):
    asked = json.loads(asked)
    for name in asked["names"]:
        one, other = (ordered(polars_rows(pathlib.Path(asked[side]) / name)) for side in ("one", "other"))
        pairs = [{"name": name, "one": repr(a), "other": repr(b)} for a, b in zip(one, other) if not nearly(a, b)]
        if len(one) != len(other):
            pairs.append({"name": name, "one": f"{len(one)} rows", "other": f"{len(other)} rows"})
        yield from pairs[:3]


def tables(folder):
    import pandas
    import polars

    for table in sorted(path.parent for path in pathlib.Path(folder).glob("*/_cxmill.json")):
        files = f"{table}/**/*.parquet"
        parts = [pandas.read_parquet(path, partitioning=None) for path in sorted(table.glob("**/*.parquet"))]
        types = duckdb_rows(
            f"SELECT DISTINCT type, converted_type, logical_type FROM parquet_schema('{files}') WHERE type IS NOT NULL"
        )
        yield {
            "name": table.name,
            "duckdb": duckdb_rows(f"SELECT count(*) AS rows FROM '{files}'")[0]["rows"],
            "polars": polars.read_parquet(files, hive_partitioning=False).height,
            "pandas": sum(len(part) for part in parts),
            "types": [" ".join(str(word) for word in row.values()) for row in types],
        }


reader = {"duckdb": duckdb_rows, "polars": polars_rows, "tables": tables, "differences": differences}[sys.argv[1]]
json.dump([{key: plain(value) for key, value in row.items()} for row in reader(sys.argv[2])], sys.stdout)
