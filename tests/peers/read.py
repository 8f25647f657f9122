"""Reads published tables with other readers and prints their rows as JSON: read.py duckdb SQL | polars DIR | pandas DIR."""

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


def pandas_rows(table):
    import pandas

    parts = [pandas.read_parquet(path, partitioning=None) for path in sorted(pathlib.Path(table).glob("**/*.parquet"))]
    return json.loads(pandas.concat(parts).to_json(orient="records", date_format="iso"))


reader = {"duckdb": duckdb_rows, "polars": polars_rows, "pandas": pandas_rows}[sys.argv[1]]
json.dump([{key: plain(value) for key, value in row.items()} for row in reader(sys.argv[2])], sys.stdout)
