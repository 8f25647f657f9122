"""Reads published tables again and again while runs go on, and says what it saw that must not be seen.

    watch.py (duckdb | polars | objects-s3 | polars-s3) OUTPUT STOP

OUTPUT is the output root, a folder or (`…-s3`) a URL, STOP a file that ends the loop when it is there. Prints one JSON object: how many reads there were,
how many of them were repeated, and the first violations. What must hold at every read, whatever moment of a run it meets:

- no error;
- `daily` has each (day, channel) once; one that an earlier read saw is there, and its `answers` do not fall;
- within a month of `daily` all `answers` are alike, since each run adds one to every group of a month: a partition is read as it was
  before a run or as it was after it;
- `totals` has each channel once, none goes missing, and all `answers` are alike;
- `latest` has each day once, and its newest day does not go back. Each run retires its oldest partition.
"""

import collections
import datetime
import io
import json
import os
import pathlib
import sys
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

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


def objects_reader(output):
    """Each object by one request, so that nothing can come between two: what is promised holds without exception."""
    import polars

    endpoint = os.environ["CXMILL_STORES__S3__ENDPOINT"]
    bucket, root = output.removeprefix("s3://").split("/", 1)

    def get(address):
        with urllib.request.urlopen(f"{endpoint}/{bucket}{address}", timeout=30) as answer:
            return answer.read()

    def rows(table):
        listed = get("?" + urllib.parse.urlencode({"list-type": 2, "prefix": f"{root}/{table}/"}))
        keys = [node.text for node in xml.etree.ElementTree.fromstring(listed).iterfind(".//{*}Key")]
        files = [io.BytesIO(get("/" + urllib.parse.quote(key))) for key in keys if key.endswith(".parquet")]
        return polars.scan_parquet(files, hive_partitioning=False).collect().rows()

    return rows


def polars_s3_reader(output):
    """By Polars' own reader of S3, as its users read a table.

    It fetches the end of an object and then columns by their places, by name and without the etag it saw first, so that an object that
    is replaced in between may look damaged.
    """
    import polars

    options = {
        "aws_endpoint_url": os.environ["CXMILL_STORES__S3__ENDPOINT"],
        "aws_region": os.environ["CXMILL_STORES__S3__REGION"],
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "aws_allow_http": "true",
    }

    def rows(table):
        files = f"{output}/{table}/**/*.parquet"
        return polars.scan_parquet(files, hive_partitioning=False, storage_options=options).collect().rows()

    return rows


class Watch:
    def __init__(self, read, tries):
        self.read, self.tries, self.reads, self.violations = read, tries, collections.Counter(), []
        self.repeated = 0
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
        for left in reversed(range(self.tries)):
            try:
                rows = self.read(table)
            except BaseException as error:  # a panic of Polars is no Exception, and any error is what must not be seen
                if left == 0:
                    self.violation(table, f"{type(error).__name__}: {str(error)[:300]}")
                    return
                self.repeated += 1
            else:
                return getattr(self, table)(rows)


# Each reader with how often it may try, and the seconds that it leaves to the server and the runs between its looks.
READERS = {
    "duckdb": (lambda output: duckdb_reader(pathlib.Path(output)), 1, 0),
    "polars": (lambda output: polars_reader(pathlib.Path(output)), 1, 0),
    "objects-s3": (objects_reader, 1, 0.02),
    "polars-s3": (polars_s3_reader, 2, 0.02),
}

kind, output, stop = sys.argv[1:]
reader, tries, pause = READERS[kind]
watch = Watch(reader(output), tries)
while not pathlib.Path(stop).exists():
    for table in ("daily", "totals", "latest"):
        watch.look(table)
        time.sleep(pause)
json.dump(
    {"reads": sum(watch.reads.values()), "repeated": watch.repeated, "violations": watch.violations}, sys.stdout
)
