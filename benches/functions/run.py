"""Speed of the SQL functions as ratios within one run, pair by pair; quote the median.

    python benches/functions/run.py [--rows 20000000] [--events 10000000] [--runs 5] [--threads 2] [--only PART] [--data FOLDER]
needs `cargo build --release --workspace --bins` (or BENCH_SQL=path of that bench-sql) and a Python with duckdb and chdb.

- nps, csat and nps_interval over scores, in 1 and in 1 million groups, against avg of the same scores;
- kaplan_meier over (duration, event), half as many rows, against sorting the two columns: with 100,000 distinct durations, and with nearly as
  many as there are rows;
- funnel of 5 steps over events of 100,000 customers against DuckDB: of each customer the latest start of a chain that has got so far,
  step by step with window functions, which is the same answer where each event is one step; and against ClickHouse's windowFunnel (chdb),
  which gives it where no two events of a customer share a time. All three must give the same counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import chdb.session
import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BENCH_SQL", ROOT / "target/release/bench-sql")
TABLES = ("scores", "lives", "events")
STEPS = 5
WINDOW = "INTERVAL '1 day'"


def make(folder, rows, events):
    generated = {
        "scores": f"SELECT CAST(hash(i) % 11 AS TINYINT) AS score, CAST(hash(i * 3 + 1) % 1000000 AS INT) AS customer FROM range({rows}) t(i)",
        "lives": f"SELECT CAST(hash(i * 5 + 2) % 100000 AS DOUBLE) / 100 AS duration, CAST(hash(i * 11 + 3) >> 12 AS DOUBLE) / 1e9 AS moment, "
                 f"hash(i * 7) % 3 = 0 AS event FROM range({rows // 2}) t(i)",
        "events": f"SELECT CAST(hash(i) % 100000 AS INT) AS customer, TIMESTAMP '2026-01-01' + to_microseconds(CAST(hash(i * 7 + 1) % 2592000000000 AS BIGINT)) AS happened_at, "
                  f"CAST(hash(i * 13 + 5) % {STEPS} AS TINYINT) AS step FROM range({events}) t(i)",
    }
    for name, sql in generated.items():
        duckdb.sql(f"COPY ({sql}) TO '{folder}/{name}.parquet' (FORMAT parquet)")


def ours(sql, folder, threads):
    tables = [f"{name}={folder}/{name}.parquet" for name in TABLES]
    said = json.loads(subprocess.run([BINARY, str(threads), sql, *tables], check=True, capture_output=True).stdout)
    return said["seconds"], said["rows"]


def theirs(sql, folder, threads):
    connection = duckdb.connect()
    connection.sql(f"SET threads = {threads}")
    for name in TABLES:
        connection.sql(f"CREATE VIEW {name} AS FROM '{folder}/{name}.parquet'")
    start = time.monotonic()
    rows = connection.sql(sql).fetchall()
    return time.monotonic() - start, [[str(value) for value in row] for row in rows]


def clickhouse(sql, folder, threads):
    with chdb.session.Session() as session:
        session.query(f"SET max_threads = {threads}")
        start = time.monotonic()
        rows = session.query(sql.format(folder=folder), "JSONCompact")
        seconds = time.monotonic() - start
        return seconds, [[str(value) for value in row] for row in json.loads(rows.bytes())["data"]]


def funnel_ours():
    steps = ", ".join(f"step = {step}" for step in range(STEPS))
    return (f"SELECT steps, count(*) FROM (SELECT customer, funnel({WINDOW}, happened_at, {steps}) AS steps FROM events GROUP BY customer) "
            "GROUP BY steps ORDER BY steps")


def funnel_theirs():
    latest = "max(CASE WHEN {} END) OVER (PARTITION BY customer ORDER BY happened_at) AS start{}"
    query = f"SELECT customer, happened_at, step, {latest.format('step = 0 THEN happened_at', 1)} FROM events"
    for step in range(1, STEPS - 1):
        condition = f"step = {step} AND happened_at - start{step} <= {WINDOW} THEN start{step}"
        query = f"SELECT *, {latest.format(condition, step + 1)} FROM ({query})"
    reached = " ".join(
        f"WHEN step = {step} AND happened_at - start{step} <= {WINDOW} THEN {step + 1}" for step in range(STEPS - 1, 0, -1)
    )
    return (f"SELECT steps, count(*) FROM (SELECT customer, max(CASE {reached} WHEN step = 0 THEN 1 ELSE 0 END) AS steps FROM ({query}) "
            "GROUP BY customer) GROUP BY steps ORDER BY steps")


def funnel_clickhouse():
    steps = ", ".join(f"step = {step}" for step in range(STEPS))
    return (f"SELECT steps, toInt64(count()) FROM (SELECT customer, windowFunnel(86400000000)(toUInt64(toUnixTimestamp64Micro(happened_at)), {steps}) AS steps "
            "FROM file('{folder}/events.parquet') GROUP BY customer) GROUP BY steps ORDER BY steps")


def pairs(arguments, folder):
    def own(function, group, against):
        total = "SELECT count(*), sum(v) FROM (SELECT {} AS v FROM scores {})"
        return (lambda: ours(total.format(function, group), folder, arguments.threads),
                lambda: ours(total.format(against, group), folder, arguments.threads), False)

    for function in ("nps(score)", "csat(score, 9)", "nps_interval(score, 0.95)['low']"):
        yield f"{function}, 1 group, against avg", own(function, "", "avg(score)")
        yield f"{function}, 1 million groups, against avg", own(function, "GROUP BY customer", "avg(score)")
    for duration, distinct in (("duration", "100,000 distinct durations"), ("moment", "nearly all durations distinct")):
        sort = f"SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY {duration}, event) AS n FROM lives) WHERE n > 0"
        curve = f"SELECT array_length(kaplan_meier({duration}, event, 0.95)) FROM lives"
        yield f"kaplan_meier, {distinct}, against a sort of two columns", (
            lambda: ours(curve, folder, arguments.threads), lambda: ours(sort, folder, arguments.threads), False)
    yield "funnel against DuckDB", (
        lambda: ours(funnel_ours(), folder, arguments.threads), lambda: theirs(funnel_theirs(), folder, arguments.threads), True)
    yield "funnel against windowFunnel of ClickHouse", (
        lambda: ours(funnel_ours(), folder, arguments.threads), lambda: clickhouse(funnel_clickhouse(), folder, arguments.threads), True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="the part whose name holds this")
    parser.add_argument("--data", help="a folder for the tables, which stay there for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.data or scratch
        if not (pathlib.Path(folder) / "events.parquet").exists():
            make(folder, arguments.rows, arguments.events)
        for name, (left, right, same_answer) in pairs(arguments, folder):
            if arguments.only not in name:
                continue
            ratios = []
            for _ in range(arguments.runs):
                (left_seconds, left_rows), (right_seconds, right_rows) = left(), right()
                if same_answer and left_rows != right_rows:
                    sys.exit(f"{name}: {left_rows} is not {right_rows}")
                ratios.append(left_seconds / right_seconds)
            print(f"{name}: {statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f}), last {left_seconds:.2f} s / {right_seconds:.2f} s",
                  flush=True)


main()
