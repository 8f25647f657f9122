"""Three daily tables kept by cxmill, DuckDB, dbt-duckdb and SQLMesh, and which of them still hold every row after very late ones came.

The others read the rows that cxmill landed (Parquet, accepted by the contract, once each): they get for nothing what cxmill does
itself, from raw files on. DuckDB computes the tables anew from all rows. dbt and SQLMesh keep them in a DuckDB file and compute the
last 30 days anew, which is what their incremental models offer for late rows. Seconds are from the start of a process to its end,
but for DuckDB, where they are those of its statements.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import duckdb

LOOKBACK = 30
MODELS = ["nps_daily", "touchpoints_daily", "service_contacts"]

#: The tables in SQL that all of the others share. `{since}` limits the days that are computed.
TABLES = {
    "nps_daily": """
        SELECT CAST(answered_at AS DATE) AS day, channel, count(*) AS answers,
               100.0 * (count(*) FILTER (WHERE score >= 9) - count(*) FILTER (WHERE score <= 6)) / count(*) AS nps
        FROM {survey_answers} WHERE survey = 'nps' AND score IS NOT NULL AND CAST(answered_at AS DATE) {since} GROUP BY 1, 2""",
    "touchpoints_daily": """
        SELECT day, channel, touchpoint, CAST(sum(views) AS BIGINT) AS views, count(*) AS sessions,
               CAST(sum(seconds) AS DOUBLE) / sum(views) AS mean_seconds
        FROM (SELECT CAST(occurred_at AS DATE) AS day, channel, touchpoint, session_id, count(*) AS views, sum(seconds_on_page) AS seconds
              FROM {interactions} WHERE CAST(occurred_at AS DATE) {since} GROUP BY 1, 2, 3, 4) AS visits GROUP BY 1, 2, 3""",
    "service_contacts": """
        SELECT day, channel, coalesce(topic, 'unknown') AS topic, count(*) AS contacts, avg(CAST(waiting_s AS DOUBLE)) AS mean_waiting_s,
               max(CAST(waiting_s AS BIGINT)) AS longest_waiting_s, 100.0 * avg(CASE WHEN resolved THEN 1.0 ELSE 0.0 END) AS resolved_percent
        FROM (SELECT CAST(started_at AS DATE) AS day, 'phone' AS channel, topic, waiting_s, resolved FROM {calls}
              UNION ALL SELECT CAST(started_at AS DATE), 'chat', topic, waiting_s, resolved FROM {chats}
              UNION ALL SELECT CAST(closed_at AS DATE), 'email', topic, first_response_minutes * 60, resolved FROM {tickets}) AS contacts
        WHERE day {since} GROUP BY 1, 2, 3""",
}
SOURCES = ["survey_answers", "interactions", "calls", "chats", "tickets"]
#: What tells how many rows a table was made of.
WEIGHTS = {"nps_daily": "answers", "touchpoints_daily": "views", "service_contacts": "contacts"}
EVERYTHING = ">= DATE '1970-01-01'"


def sql(table, parquet, since):
    tables = {name: f"read_parquet('{parquet}/{name}/**/*.parquet', hive_partitioning = false)" for name in SOURCES}
    return TABLES[table].format(since=since, **tables)


def link(project, parquet):
    """The landed rows as they are now."""
    shutil.rmtree(parquet, ignore_errors=True)
    for source in SOURCES:
        shutil.copytree(project.home / "data/state/landed" / source, parquet / source, copy_function=os.link)


def run(command, folder, environment=None):
    start, used = time.monotonic(), os.times()
    done = subprocess.run(command, cwd=folder, env={**os.environ, "TZ": "UTC", **(environment or {})}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {command}\n{done.stdout}\n{done.stderr}")
    now = os.times()
    processor = now.children_user + now.children_system - used.children_user - used.children_system
    return {"seconds": time.monotonic() - start, "processor": processor}


class DuckDb:
    """Every table anew from all rows."""

    name = "DuckDB, all anew"

    def __init__(self, home, parquet, options):
        self.home, self.parquet = home / "duckdb", parquet

    def bring_up_to_date(self, _day):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        connection = duckdb.connect()
        connection.sql("SET threads = 2")
        connection.sql("SET TimeZone = 'UTC'")
        start, used = time.monotonic(), time.process_time()
        for table in MODELS:
            connection.sql(f"COPY ({sql(table, self.parquet, EVERYTHING)}) TO '{self.home}/{table}.parquet' (FORMAT parquet)")
        return {"seconds": time.monotonic() - start, "processor": time.process_time() - used}

    def look(self, table):
        return looked(duckdb.sql(look_at(table, f"'{self.home}/{table}.parquet'")).fetchall()[0])


class InDuckDb:
    """What dbt and SQLMesh have in common: a DuckDB file that their own Python reads."""

    def look_in(self, python, database, relation, table):
        program = "import duckdb, sys; print(*duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).fetchall()[0])"
        looked_up = subprocess.run([python, "-c", program, str(database), look_at(table, relation)], capture_output=True, text=True, check=True)
        return looked(looked_up.stdout.split())


class Dbt(InDuckDb):
    name = f"dbt-duckdb, {LOOKBACK} days back"

    def __init__(self, home, parquet, options):
        self.home, self.python = home / "dbt", options.dbt
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "models").mkdir(parents=True)
        (self.home / "dbt_project.yml").write_text("name: increment\nversion: '1.0'\nprofile: increment\nmodel-paths: [models]\n")
        (self.home / "profiles.yml").write_text(
            f"increment:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: '{self.home}/tables.duckdb', threads: 2, settings: {{TimeZone: UTC}}}}\n"
        )
        for table in MODELS:
            since = "{% if is_incremental() %} >= (SELECT max(day) - " + str(LOOKBACK) + " FROM {{ this }}) {% else %} " + EVERYTHING + " {% endif %}"
            config = "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='day') }}\n"
            (self.home / f"models/{table}.sql").write_text(config + sql(table, parquet, since))

    def bring_up_to_date(self, _day):
        dbt = pathlib.Path(self.python).parent / "dbt"
        return run([dbt, "--no-use-colors", "run"], self.home, {"DBT_PROFILES_DIR": str(self.home), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"})

    def look(self, table):
        return self.look_in(self.python, self.home / "tables.duckdb", table, table)


class SqlMesh(InDuckDb):
    name = f"SQLMesh, {LOOKBACK} days back"

    def __init__(self, home, parquet, options):
        self.home, self.python = home / "sqlmesh", options.mesh
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "models").mkdir(parents=True)
        (self.home / "config.yaml").write_text(
            f"gateways:\n  local:\n    connection: {{type: duckdb, database: '{self.home}/tables.duckdb'}}\n"
            f"default_gateway: local\nmodel_defaults: {{dialect: duckdb, start: '2026-01-01'}}\ndisable_anonymized_analytics: true\n"
        )
        for table in MODELS:
            head = f"MODEL (name main.{table}, kind INCREMENTAL_BY_TIME_RANGE (time_column day, lookback {LOOKBACK}, batch_size 1000), cron '@daily');\n"
            (self.home / f"models/{table}.sql").write_text(head + sql(table, parquet, "BETWEEN @start_date AND @end_date"))
        self.begun = False

    def bring_up_to_date(self, day):
        # The command `sqlmesh run` knows no other time than now; its `--end` is capped by it. `plan --run --execution-time` computes
        # nothing of a time to come, since a plan without changes ends now. So what both commands call is called.
        at = f"{day} 12:00:00"
        do = "sys.exit(not context.run(execution_time=at, end=at).is_success)" if self.begun else "context.plan(execution_time=at, auto_apply=True, no_prompts=True)"
        program = f"import sys\nfrom sqlmesh import Context\nhome, at = sys.argv[1:]\ncontext = Context(paths=[home])\n{do}\n"
        self.begun = True
        return run([self.python, "-c", program, str(self.home), at], self.home, {"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"})

    def look(self, table):
        return self.look_in(self.python, self.home / "tables.duckdb", f"main.{table}", table)


def look_at(table, relation):
    """How many rows a table was made of, and its newest day."""
    return f"SELECT CAST(sum({WEIGHTS[table]}) AS BIGINT), CAST(max(day) AS VARCHAR) FROM {relation}"


def looked(row):
    return int(row[0]), str(row[1])


class Cxmill:
    name = "cxmill"

    def __init__(self, project):
        self.project = project

    def look(self, table):
        return looked(duckdb.sql(look_at(table, f"read_parquet('{self.project.home}/data/output/{table}/**/*.parquet')")).fetchall()[0])


def each_has(day, truth, peers):
    """A peer that passes over a day must not look fast."""
    for table in MODELS:
        newest = min(truth.look(table)[1], str(day))
        for peer in peers:
            if (found := peer.look(table)[1]) < newest:
                sys.exit(f"{peer.name}: {table} ends with {found} and not with {newest}")


def compare(options, make_project, note, date, history):
    """Each in turn: the history, one more day, a day with very late rows."""
    options.select = MODELS
    project = make_project(options.days, options, "job")
    parquet = project.home / "parquet"
    for _ in range(options.runs):
        project.load()
        link(project, parquet)
        others = [peer(project.home, parquet, options) for peer in (DuckDb, Dbt, SqlMesh)]
        all_of_them = [Cxmill(project), *others]
        for peer in others:
            note(f"{peer.name}: the history", project, peer.bring_up_to_date(date(history)))
        each_has(date(history - 1), others[0], all_of_them)
        for number, what in ((history, "one more day"), (history + 1, "a day with very late rows")):
            project.put(number)
            note(f"cxmill: {what}", project, project.run())
            link(project, parquet)
            for peer in others:
                note(f"{peer.name}: {what}", project, peer.bring_up_to_date(date(number + 1)))
            each_has(date(number), others[0], all_of_them)
        for table in MODELS:
            truth, _ = others[0].look(table)
            lost = {peer.name: truth - peer.look(table)[0] for peer in all_of_them if peer is not others[0]}
            note("rows lost", project, {"seconds": 0.0, "table": table, "rows": truth, "lost": lost})
            print(table, json.dumps({"rows": truth, "lost": lost}), flush=True)
        note("cxmill: full rebuild", project, project.run("--full-refresh"))
