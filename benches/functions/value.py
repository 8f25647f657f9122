"""Fits and predictions of the value models: cxmill in SQL against lifetimes on the same customers, in turn, in one run.

Prints seconds, peak memory and the ratio lifetimes / cxmill; quote the median of the ratios.
    python benches/functions/value.py [--customers 1000000] [--runs 3] [--threads 2] [--data FOLDER] [--no-peer]
needs `cargo build --release --workspace --bins` (or BENCH_VALUE=path of that bench-value), and a Python with tests/golden/lifetimes/requirements.txt and pyarrow.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BENCH_VALUE", ROOT / "target/release/bench-value")
STATEMENTS = ["bgnbd_fit", "mbgnbd_fit", "pareto_nbd_fit", "gamma_gamma_fit", "bgnbd_purchases", "bgnbd_alive", "pareto_nbd_alive", "clv",
              "bgnbd_fit of unlike ages", "clv of unlike ages"]
# Reading the file and importing the package are no part of the seconds.
LIFETIMES = """
import json, sys, time
import pyarrow.parquet, lifetimes
table = pyarrow.parquet.read_table(sys.argv[1]).to_pandas()
start = time.monotonic()
lifetimes.BetaGeoFitter().fit(table.x, table.t_x, table.age)
print(json.dumps({"seconds": time.monotonic() - start}))
"""


def measure(command):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
    said = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return json.loads(said[-1]), usage.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--data", help="a folder for the customers, who stay there for the next time")
    arguments.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True, help="measure lifetimes too")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(options.data or scratch) / f"customers-{options.customers}.parquet"
        if not file.exists():
            subprocess.run([BINARY, "generate", file, str(options.customers)], check=True)
        for statement in STATEMENTS:
            runs = [measure([BINARY, "run", file, statement, options.threads]) for _ in range(options.runs)]
            seconds = statistics.median(said["seconds"] for said, _ in runs)
            rate = options.customers / seconds / options.threads
            print(f"{statement}: {seconds:.3f} s, {rate / 1e6:.2f} million rows a second a thread, peak {max(peak for _, peak in runs):.0f} MiB")
        ratios = []
        for _ in range(options.runs if options.peer else 0):
            ours, _ = measure([BINARY, "run", file, "bgnbd_fit", options.threads])
            theirs, peak = measure([sys.executable, "-c", LIFETIMES, file])
            ratios.append(theirs["seconds"] / ours["seconds"])
            print(f"bgnbd_fit: lifetimes {theirs['seconds']:.2f} s, peak {peak:.0f} MiB; {ratios[-1]:.0f} times ours")
        if ratios:
            print(f"ratio median {statistics.median(ratios):.0f} (min {min(ratios):.0f}, max {max(ratios):.0f})")


main()
