"""Raw files -> Parquet: cxmill's ingest against DuckDB on the same rows, columns and threads, in turn, in one run.

Prints seconds, peak memory and the ratios cxmill / DuckDB pair by pair, of time on the clock and of processor time; quote
medians. Processor time is what a busy machine blurs least.
    python benches/land/run.py [--megabytes 1000] [--runs 5] [--threads 2] [--formats ndjson,csv,parquet] [--peers plain,alike]
needs `cargo build --release -p cxmill-benches --no-default-features` and a Python with duckdb (tests/peers/requirements.txt);
`--binary` names a bench-land that was built elsewhere.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {
    "event_id": "VARCHAR", "customer_id": "VARCHAR", "at": "TIMESTAMPTZ", "channel": "VARCHAR", "touchpoint": "VARCHAR",
    "device": "VARCHAR", "score": "TINYINT", "amount": "DOUBLE", "duration": "DOUBLE", "repeat": "BOOLEAN",
    "comment": "VARCHAR", "session": "VARCHAR",
}


def reader(kind, folder):
    columns = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in TYPES.items()) + "}"
    if kind == "ndjson":
        return f"read_json('{folder}/*.ndjson', format = 'newline_delimited', columns = {columns})"
    if kind == "csv":
        return f"read_csv('{folder}/*.csv', header = true, columns = {columns})"
    return f"read_parquet('{folder}/*.parquet')"


def duckdb_command(kind, folder, out, threads, like_ours):
    # `like_ours` asks DuckDB for what cxmill always does: a folder a day, rows in event order, zstd.
    names = ", ".join(f'"{name}"' for name in TYPES)
    source = f"SELECT {names} FROM {reader(kind, folder)}"
    if like_ours:
        copy = f"COPY (SELECT *, CAST(\"at\" AS DATE) AS date FROM ({source}) ORDER BY date, \"at\") TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date))"
    else:
        copy = f"COPY ({source}) TO '{out}/all.parquet' (FORMAT parquet)"
    # Seconds are those of the statement alone: starting Python and loading DuckDB is no part of the comparison.
    program = (
        "import duckdb, json, os, sys, time; out, threads, copy = sys.argv[1:]; os.makedirs(out);"
        " duckdb.sql(f\"SET threads = {threads}; SET TimeZone = 'UTC'; SET enable_progress_bar = false\"); start, used = time.monotonic(), time.process_time();"
        " duckdb.sql(copy); print(json.dumps({'seconds': time.monotonic() - start, 'processor': time.process_time() - used}))"
    )
    return [sys.executable, "-c", program, str(out), str(threads), copy]


def measure(command, out):
    shutil.rmtree(out, ignore_errors=True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    said = json.loads(said)
    return said["seconds"], usage.ru_maxrss / 1024, said.get("processor", usage.ru_utime + usage.ru_stime), said


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--megabytes", type=int, default=1000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--memory", type=int, default=250_000_000)
    arguments.add_argument("--formats", default="ndjson,csv,parquet")
    arguments.add_argument("--peers", default="plain,alike")
    arguments.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/bench-land")
    options = arguments.parse_args()
    peers = {"plain": ("duckdb COPY", False), "alike": ("duckdb COPY by day, in order, zstd", True)}
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as scratch:
        scratch = pathlib.Path(scratch)
        for kind in options.formats.split(","):
            folder = scratch / kind
            if kind == "parquet":
                folder.mkdir()
                made = scratch / "ndjson-for-parquet"
                subprocess.run([options.binary, "generate", "ndjson", made, str(options.megabytes)], check=True, stdout=subprocess.DEVNULL)
                for file in sorted(made.glob("*.ndjson")):
                    rows = reader("ndjson", made).replace("*.ndjson", file.name)
                    copy = f"COPY (SELECT * FROM {rows}) TO '{folder / file.stem}.parquet' (FORMAT parquet)"
                    # In a process of its own: what this one ever held counts as a peak of each process that it starts.
                    subprocess.run([sys.executable, "-c", f"import duckdb; duckdb.sql(\"SET TimeZone = 'UTC'\"); duckdb.sql({copy!r})"], check=True)
                shutil.rmtree(made)
            else:
                subprocess.run([options.binary, "generate", kind, folder, str(options.megabytes)], check=True, stdout=subprocess.DEVNULL)
            size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
            for peer, like_ours in (peers[name] for name in options.peers.split(",")):
                ratios, ours, theirs, used = [], [], [], []
                for turn in range(options.runs + 1):
                    mine = measure([options.binary, "land", kind, folder, scratch / "ours", str(options.memory), str(options.threads)], scratch / "ours")
                    other = measure(duckdb_command(kind, folder, scratch / "theirs", options.threads, like_ours), scratch / "theirs")
                    if turn > 0:  # the first pair warms the page cache
                        ours.append(mine)
                        theirs.append(other)
                        ratios.append(mine[0] / other[0])
                        used.append(mine[2] / other[2])
                said = ours[-1][3]
                print(
                    f"{kind} {size:.0f} MB, {said['rows']} rows: cxmill {statistics.median(x[0] for x in ours):.2f} s, peak {max(x[1] for x in ours):.0f} MiB;"
                    f" {peer} {statistics.median(x[0] for x in theirs):.2f} s, peak {max(x[1] for x in theirs):.0f} MiB;"
                    f" ratio median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f});"
                    f" processor {statistics.median(x[2] for x in ours):.2f} s to {statistics.median(x[2] for x in theirs):.2f} s,"
                    f" ratio median {statistics.median(used):.2f} (min {min(used):.2f}, max {max(used):.2f})",
                    flush=True,
                )
            shutil.rmtree(folder)


main()
