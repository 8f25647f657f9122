"""What one more day costs on a history of 30, 120 and 365 days: cxmill's increment against its own full rebuild, and against
DuckDB, dbt-duckdb and SQLMesh that keep the same daily tables.

    python benches/increment/run.py make                 the sample, once: 30,000 events a day
    python benches/increment/run.py ours --days 365      increments and full rebuilds of cxmill, all shipped models or --select
    python benches/increment/run.py peers --days 365     the job of peers.py with cxmill, DuckDB, dbt-duckdb and SQLMesh, in turn
    python benches/increment/run.py table                what was measured, as tables of medians

needs an optimised binary (--binary, or `cargo build --release`), a Python with duckdb and pyarrow (tests/peers/requirements.txt), and for
`peers` two more, each with its own duckdb: --dbt with `dbt-core<1.12 dbt-duckdb`, --mesh with `sqlmesh duckdb`; benches/README.md has the commands. Results go to
results.jsonl in target/increment, or where INCREMENT_HOME says. Each call is short, so that a machine can be kept quiet for one; the
histories are loaded once and kept.

The histories are the last 30, 120 and 365 days before one and the same day, so the day costs the same to read and only the history
differs. The sample sends 1 % of its rows one to ten days late. The second day has, besides, rows of all days of the history: 1 % of its
answers and of its page views are older than 30 days.
"""

import argparse
import datetime
import gzip
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = pathlib.Path(os.environ.get("INCREMENT_HOME", ROOT / "target/increment"))
SAMPLE = HOME / "sample"
FIRST = datetime.date(2026, 1, 1)
HISTORY = 365
# Rows may come ten days late: so many days are made after the last that is used, which would else get more than its share.
MARGIN = 10
CUSTOMERS = 27_700
#: Share of a day's rows that come more than 30 days late, on the second day.
VERY_LATE = 0.01


def date(number):
    """The day of this number, from 0."""
    return FIRST + datetime.timedelta(days=number)


def file_of(source, day):
    found = list((SAMPLE / source / f"date={day}").glob("part-0.*"))
    return found[0] if found else None


def make(options):
    shutil.rmtree(HOME / "sample", ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    days = HISTORY + 2 + MARGIN
    subprocess.run(
        [options.binary, "sample", SAMPLE, "--customers", str(options.customers), "--days", str(days), "--late", "1%"], check=True
    )
    for path in SAMPLE.glob("*/date=*/part-0.*"):
        # A file is put the day after its events: else rows of dates to come would not move the logical time.
        day = datetime.date.fromisoformat(path.parent.name.removeprefix("date="))
        put = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(6)).timestamp()
        os.utime(path, (put, put))
    hold_back()


def hold_back():
    """Takes rows out of the files of older days, to come with the second day."""
    chance = random.Random(7)
    for source in ("survey_answers", "interactions"):
        last = file_of(source, date(HISTORY + 1))
        # Of the last 120 days, so that every history but the shortest has them, and none of the last 31.
        found = [file_of(source, date(HISTORY - back)) for back in range(31, 119)]
        if last is None or None in found:
            sys.exit(f"there are days without a file of {source}: make more --customers")
        wanted = int(len(read(last)) * VERY_LATE)
        held = []
        for _ in range(max(wanted, 1)):
            path = chance.choice(found)
            lines = read(path)
            held.append(lines.pop(chance.randrange(len(lines))))
            write(path, lines)
        write(HOME / f"held/{source}/date={date(HISTORY + 1)}/late.{'ndjson.gz' if last.suffix == '.gz' else 'ndjson'}", held)


def read(path):
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    modified = path.stat().st_mtime if path.exists() else None
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content, 3, mtime=0) if path.suffix == ".gz" else content)
    if modified:
        os.utime(path, (modified, modified))


def copy(folder, target):
    """Second names of all files. A copy would be another file to cxmill, which puts published files back that somebody has replaced."""
    shutil.copytree(folder, target, symlinks=True, copy_function=os.link)


class Project:
    """A project with a history of so many days; its state after the first load is kept and can be had again."""

    def __init__(self, days, options, name="ours"):
        self.days, self.binary, self.select = days, options.binary, options.select
        self.home = HOME / f"{name}-{days}"
        self.settings = ["--set", f"memory_limit={options.memory}", "--set", "raw=raw"]

    def put(self, number):
        """Links the files of a day into the raw bucket."""
        for source in SAMPLE.iterdir():
            if source.is_dir():
                for root in (SAMPLE, HOME / "held"):
                    folder = root / source.name / f"date={date(number)}"
                    for path in folder.iterdir() if folder.exists() else []:
                        target = self.home / "raw" / source.name / folder.name / path.name
                        target.parent.mkdir(parents=True, exist_ok=True)
                        if not target.exists():
                            os.link(path, target)

    def run(self, *arguments):
        command = [self.binary, *self.settings, "--format", "json", "run", *arguments]
        for model in self.select:
            command += ["--select", model]
        start = time.monotonic()
        with open(self.home / "report.json", "wb") as report:
            process = subprocess.Popen(command, cwd=self.home, stdout=report)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.monotonic() - start
        # Of an ended process that nobody has waited for, the system still tells what it read and wrote.
        counters = dict(line.split(": ") for line in pathlib.Path(f"/proc/{process.pid}/io").read_text().splitlines())
        _, status, usage = os.wait4(process.pid, 0)
        report = json.loads((self.home / "report.json").read_text())
        if status != 0:
            sys.exit(f"cxmill failed with {status}: {json.dumps(report)[:2000]}")
        return {
            "seconds": seconds,
            "processor": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss * 1024,
            "read": int(counters["rchar"]),
            "written": int(counters["wchar"]),
            "report": report,
        }

    def load(self):
        """The first load, or what was kept of it."""
        if not (self.home / "kept").exists():
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            shutil.copytree(ROOT / "config", self.home / "config")
            shutil.copytree(ROOT / "pipelines", self.home / "pipelines")
            for number in range(HISTORY - self.days, HISTORY):
                self.put(number)
            loaded = self.run()
            note("first load", self, loaded)
            for folder in ("data/state", "data/output"):
                copy(self.home / folder, self.home / "kept" / folder)
        for number in (HISTORY, HISTORY + 1):
            for folder in self.home.glob(f"raw/*/date={date(number)}"):
                shutil.rmtree(folder)
        shutil.rmtree(self.home / "data", ignore_errors=True)
        copy(self.home / "kept/data", self.home / "data")


def note(what, project, measured):
    line = {"what": what, "days": project.days, "select": project.select, **{key: measured[key] for key in measured if key != "report"}}
    report = measured.get("report")
    if report:
        line["models"] = {model["name"]: [model["strategy"], model["seconds"], model["bytes_read"], model["bytes_written"]]
                          for model in report["models"] if model["action"] == "built"}
        line["landing"] = sum(source["seconds"] for source in report["sources"])
        line["reported_peak"] = report["peak_memory_bytes"]
    with open(HOME / "results.jsonl", "a") as results:
        results.write(json.dumps(line) + "\n")
    print(what, project.days, "days:", f"{measured['seconds']:.2f} s", flush=True)


def ours(options):
    project = Project(options.days, options)
    for _ in range(options.runs):
        project.load()
        project.put(HISTORY)
        note("one more day", project, project.run())
        project.put(HISTORY + 1)
        note("a day with very late rows", project, project.run())
        note("nothing new", project, project.run())
    for _ in range(options.rebuilds):
        note("full rebuild", project, project.run("--full-refresh"))


def table(_):
    lines = [json.loads(line) for line in (HOME / "results.jsonl").read_text().splitlines()]
    lost = {(line["days"], line["table"]): line for line in lines if "lost" in line}
    groups = {}
    for line in lines:
        if "lost" in line:
            continue
        groups.setdefault((line["what"], ",".join(line["select"]), line["days"]), []).append(line)
    print("| what | models | days | seconds | of it landing | processor | read MB | written MB | peak MB | runs |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (what, select, days), found in sorted(groups.items()):
        middle = lambda key: statistics.median(line.get(key, 0) for line in found)
        print(f"| {what} | {select or 'all'} | {days} | {middle('seconds'):.3f} | {middle('landing'):.3f} | {middle('processor'):.2f}"
              f" | {middle('read') / 1e6:.1f} | {middle('written') / 1e6:.1f} | {middle('peak') / 1e6:.0f} | {len(found)} |")
    for (days, name), line in sorted(lost.items()):
        print(f"{days} days, {name}, made of {line['rows']} rows: lost", json.dumps(line["lost"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["make", "ours", "peers", "table"])
    parser.add_argument("--binary", type=lambda path: str(pathlib.Path(path).resolve()), default=str(ROOT / "target/release/cxmill"))
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--days", type=int, default=HISTORY)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rebuilds", type=int, default=1)
    parser.add_argument("--select", action="append", default=[])
    parser.add_argument("--memory", default="2GB")
    # Not resolved: where the link stands tells Python its packages.
    python = lambda path: str(pathlib.Path(path).absolute())
    parser.add_argument("--dbt", type=python, default=str(ROOT / "venv/bin/python"))
    parser.add_argument("--mesh", type=python, default=str(ROOT / "venv/bin/python"))
    options = parser.parse_args()
    commands = {"make": make, "ours": ours, "table": table, "peers": lambda options: peers.compare(options, Project, note, date, HISTORY)}
    commands[options.command](options)


main()
