"""Reads published tables again and again while runs go on, and says what it saw that must not be seen.

    watch.py (duckdb | polars) OUTPUT STOP

OUTPUT is the output root, STOP a file that ends the loop when it is there. Prints one JSON object: how many reads there were,
and the first violations. What must hold at every read, whatever moment of a run it meets:

- no error;
- `daily` has each (day, channel) once; one that an earlier read saw is there, and its `answers` do not fall;
- within a month of `daily` all `answers` are alike, since each run adds one to every group of a month: a partition is read as it was
  before a run or as it was after it;
- `totals` has each channel once, none goes missing, and all `answers` are alike;
- `latest` has each day once, and its newest day does not go back. Each run retires its oldest partition.
"""

import collections
import datetime
import json
import pathlib
import sys

KEPT = 5


def opened(table, read):
    """The rows that `read` makes of a table's files, opened before it begins.

    Given paths, both readers ask for the size of a file and open it later: a file that was replaced in between is taken for a
    damaged one, whoever replaces it. Given open files they see each as it was when it was opened.
    """
    files = [open(path, "rb") for path in sorted(table.glob("**/*.parquet"))]
    try:
        return read(files)
    finally:
        for file in files:
            file.close()


def duckdb_reader(output):
    import duckdb

    connection = duckdb.connect()
    connection.sql("SET threads = 2")

    def rows(files):
        paths = [f"/proc/self/fd/{file.fileno()}" for file in files]
        return connection.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [paths]).fetchall()

    return lambda table: opened(output / table, rows)


def polars_reader(output):
    import polars

    def rows(files):
        return polars.scan_parquet(files, hive_partitioning=False).collect().rows()

    return lambda table: opened(output / table, rows)


class Watch:
    def __init__(self, read):
        self.read, self.reads, self.violations = read, collections.Counter(), []
        self.known = collections.defaultdict(dict)
        self.newest = datetime.date.min

    def violation(self, table, text):
        if len(self.violations) < KEPT:
            self.violations.append(f"read {self.reads[table]} of {table}: {text}")

    def groups(self, table, rows):
        """Rows as answers by group, held against what was seen before."""
        counts = collections.Counter(key for key, _ in rows)
        doubles = sorted(str(key) for key, count in counts.items() if count > 1)
        missing = sorted(str(key) for key in self.known[table].keys() - counts.keys())
        fallen = sorted(str(key) for key, answers in rows if answers < self.known[table].get(key, 0))
        for word, groups in (("twice", doubles), ("missing", missing), ("fallen", fallen)):
            if groups:
                self.violation(table, f"{word}: {groups[:3]} of {len(groups)}")
        self.known[table] = dict(rows)

    def alike(self, table, parts):
        for name, answers in parts.items():
            if len(answers) > 1:
                self.violation(table, f"{name} is of two runs: {sorted(answers)}")

    def daily(self, rows):
        self.groups("daily", [((day, channel), answers) for day, channel, answers in rows])
        months = collections.defaultdict(set)
        for day, _, answers in rows:
            months[f"{day:%Y-%m}"].add(answers)
        self.alike("daily", months)

    def totals(self, rows):
        self.groups("totals", rows)
        self.alike("totals", {"the table": {answers for _, answers in rows}})

    def latest(self, rows):
        days = [day for day, _ in rows]
        if not days or len(set(days)) < len(days) or max(days) < self.newest:
            self.violation("latest", f"days {days} after {self.newest}")
        self.newest = max([self.newest, *days])

    def look(self, table):
        self.reads[table] += 1
        try:
            rows = self.read(table)
        except BaseException as error:  # a panic of Polars is no Exception, and any error is what must not be seen
            self.violation(table, f"{type(error).__name__}: {str(error)[:300]}")
            return
        getattr(self, table)(rows)


kind, output, stop = sys.argv[1:]
watch = Watch({"duckdb": duckdb_reader, "polars": polars_reader}[kind](pathlib.Path(output)))
while not pathlib.Path(stop).exists():
    for table in ("daily", "totals", "latest"):
        watch.look(table)
json.dump({"reads": sum(watch.reads.values()), "violations": watch.violations}, sys.stdout)
