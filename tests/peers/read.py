"""Reads published tables with other readers and prints their rows as JSON: read.py duckdb SQL | polars DIR.

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


reader = {"duckdb": duckdb_rows, "polars": polars_rows, "tables": tables}[sys.argv[1]]
json.dump([{key: plain(value) for key, value in row.items()} for row in reader(sys.argv[2])], sys.stdout)
