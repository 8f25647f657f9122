//! Every mistake is reported, at its place, with what to do.

use insta::assert_snapshot;

use crate::support::{diagnostics, pipeline, project};

/// A pipeline file around the columns and further keys of one source.
fn source(columns: &str, rest: &str) -> String {
    format!(
        "sources:\n  orders:\n    location: ${{raw}}/orders/\n    format: ndjson\n{rest}    event_time: at\n    columns:\n      at: {{type: timestamp, required: true}}\n{columns}"
    )
}

fn columns(columns: &str) -> String {
    diagnostics(pipeline(&source(columns, "")))
}

fn keys(rest: &str) -> String {
    diagnostics(pipeline(&source("", rest)))
}

fn model(rest: &str) -> String {
    diagnostics(pipeline(&format!("models:\n  daily:\n{rest}")))
}

#[test]
fn ten_mistakes_of_one_file_are_all_reported() {
    let text = "\
descripton: Orders.
vars:
  as_of: 3
sources:
  orders:
    location: ${raw}/${day}/orders/
    format: ndjsn
    columns:
      at: {type: timestmp, required: yes}
      amount: {type: double, between: [10, 1]}
      name: {type: string, between: [a, b]}
    event_time: att
models:
  daily:
    sql: SELECT 1
    checks:
      - uniqe: [day]
    output: {partition_by: {week: day}}
";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:1:1: error[unknown-key]: unknown key `descripton` of a pipeline file (help: did you mean `description`? known keys: `description`, `vars`, `sources`, `models`, `summary`, `report`, `tests`)
    pipelines/p.yaml:3:3: error[bad-name]: `as_of` cannot name a variable: it is the logical time of the run (help: set it with `--as-of`, or choose another name)
    pipelines/p.yaml:6:15: error[unknown-placeholder]: `location` has the unknown placeholder `${day}` (help: only `${raw}`, the raw root of the settings, can stand in a location)
    pipelines/p.yaml:7:13: error[unknown-value]: `format` cannot be text `ndjsn` (help: did you mean `ndjson`? it is one of `ndjson`, `csv`, `parquet`, `avro`, `arrow`)
    pipelines/p.yaml:9:18: error[unknown-type]: unknown type `timestmp` (help: did you mean `timestamp`? types: `string`, `int8`, `int16`, `int32`, `int64`, `double`, `decimal(18, 2)`, `boolean`, `date`, `timestamp`)
    pipelines/p.yaml:9:38: error[wrong-type]: `required` is text `yes` (help: write true or false)
    pipelines/p.yaml:10:39: error[bad-value]: `between` allows nothing: its ends are the wrong way round (help: write the least value first)
    pipelines/p.yaml:11:37: error[misplaced-rule]: `between` has no meaning for the type string (help: it is a rule for numbers, dates and timestamps; for text there are `length`, `matches` and `one_of`)
    pipelines/p.yaml:12:17: error[unknown-column]: there is no column `att` (help: did you mean `at`?)
    pipelines/p.yaml:17:9: error[unknown-key]: unknown key `uniqe` of a check (help: did you mean `unique`? known keys: `not_null`, `unique`, `between`, `one_of`, `row_count`, `fresh`, `sql`, `severity`)
    pipelines/p.yaml:18:29: error[bad-partition]: `week` is neither a period nor the column `day` (help: write `day`, `month` or `year` for periods of a date column, or `day: day` for its values)
    "#);
}

#[test]
fn a_snapshot_has_no_events() {
    let text = "\
sources:
  customers:
    kind: snapshot
    history: forever
    location: ${raw}/customers/
    format: ndjson
    event_time: at
    on_change: ignore
    columns: {at: {type: date, required: true}}
  orders:
    kind: stream
    history: keep
    location: ${raw}/orders/
    format: ndjson
    columns: {at: {type: date, required: true}}
";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:4:14: error[unknown-value]: `history` cannot be text `forever` (help: it is one of `replace`, `keep`)
    pipelines/p.yaml:7:5: error[misplaced-key]: a snapshot has no `event_time`: its rows are no events, and each delivery replaces them (help: take it out, or write `kind: events`)
    pipelines/p.yaml:8:5: error[misplaced-key]: a snapshot has no `on_change`: its rows are no events, and each delivery replaces them (help: take it out, or write `kind: events`)
    pipelines/p.yaml:11:11: error[unknown-value]: `kind` cannot be text `stream` (help: it is one of `events`, `snapshot`)
    pipelines/p.yaml:12:5: error[misplaced-key]: `history` has no meaning for events: each file adds rows (help: take it out, or write `kind: snapshot`)
    "#);
}

#[test]
fn windows_are_whole_days_of_models_that_go_by_dates() {
    let text = "\
models:
  a: {sql: SELECT 1, strategy: full, window: {before: 1d}}
  b: {sql: SELECT 1, window: {}}
  c: {sql: SELECT 1, window: {before: 90m, after: 4000d}}
  d: {sql: SELECT 1, window: {befor: 1d}}
  e: {sql: SELECT 1, window: 1d}
  f: {sql: SELECT 1, strategy: partion, window: {before: soon}}
";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:2:38: error[misplaced-key]: `window` has no meaning for the strategy `full` (help: take it out, or write `strategy: partition`)
    pipelines/p.yaml:3:30: error[bad-value]: `window` is empty (help: write how far the rows of a date look, as in `{before: 1d}`, or take it out)
    pipelines/p.yaml:4:39: error[bad-value]: `90m` is no number of days (help: write a number of days, such as `1d` or `2w`, of at most ten years)
    pipelines/p.yaml:4:51: error[bad-value]: `4000d` is no number of days (help: write a number of days, such as `1d` or `2w`, of at most ten years)
    pipelines/p.yaml:5:31: error[unknown-key]: unknown key `befor` of `window` (help: did you mean `before`? known keys: `before`, `after`)
    pipelines/p.yaml:6:30: error[wrong-type]: `window` is text `1d` (help: write a map that describes `window`)
    pipelines/p.yaml:7:32: error[unknown-value]: `strategy` cannot be text `partion` (help: did you mean `partition`? it is one of `view`, `full`, `state`, `partition`)
    pipelines/p.yaml:7:58: error[bad-value]: `soon` is no number of days (help: write a number of days, such as `1d` or `2w`, of at most ten years)
    "#);
}

#[test]
fn a_mistake_in_the_yaml_does_not_hide_other_files() {
    let found = diagnostics(project(
        &[("config/default.yaml", "raw: [\n")],
        &[
            ("pipelines/a.yaml", "models:\n\tdaily: 1\n"),
            ("pipelines/b.yaml", "models:\n  daily: {sql: SELECT 1, sqll: x}\n"),
            ("pipelines/c.yaml", "models: {a: 1\nsources: 2\n"),
            ("pipelines/d.yaml", "models: &x {a: *y}\n"),
            ("pipelines/e.yaml", "a: 1\n---\nb: 2\n"),
            ("pipelines/f.yaml", "? {x: 1}\n: 2\n"),
            ("pipelines/g.yaml", "- 1\n- 2\n"),
            ("pipelines/h.yaml", &"- ".repeat(99)),
            ("pipelines/i.yaml", &"[".repeat(999)),
        ],
    ));
    assert_snapshot!(found, @r#"
    config/default.yaml:1:6: error[yaml]: not valid YAML: unclosed bracket '['
    pipelines/a.yaml:2:2: error[yaml]: not valid YAML: tabs disallowed within this context (block indentation) (help: indent with spaces)
    pipelines/b.yaml:2:26: error[unknown-key]: unknown key `sqll` of a model (help: did you mean `sql`? known keys: `description`, `sql`, `sql_file`, `strategy`, `window`, `grain`, `checks`, `output`)
    pipelines/c.yaml:2:8: error[yaml]: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
    pipelines/d.yaml:1:16: error[yaml]: not valid YAML: alias references unknown anchor
    pipelines/e.yaml:3:1: error[yaml]: a file holds one document (help: take `---` out)
    pipelines/f.yaml:1:3: error[yaml]: not valid YAML: expected string scalar (help: a key is plain text)
    pipelines/g.yaml:1:1: error[wrong-type]: `pipelines/g.yaml` is a list (help: write a map that describes a pipeline file)
    pipelines/h.yaml:1:65: error[yaml]: nested too deeply (help: 32 levels are the most)
    pipelines/i.yaml:1:256: error[yaml]: nested too deeply (help: 32 levels are the most)
    "#);
}

#[test]
fn names_are_declared_once_across_files() {
    let found = diagnostics(project(
        &[],
        &[
            ("pipelines/a.yaml", "vars: {days: 1}\nmodels:\n  daily: {sql: SELECT 1}\n  daily: {sql: SELECT 2}\n"),
            (
                "pipelines/b.yaml",
                "vars: {days: 2}\nsources:\n  daily: {location: x.csv, event_time: d, columns: {d: {type: date, required: true}}}\n",
            ),
        ],
    ));
    assert_snapshot!(found, @r#"
    pipelines/a.yaml:4:3: error[duplicate-key]: key `daily` is written twice (help: the first one is at pipelines/a.yaml:3:3)
    pipelines/b.yaml:1:8: error[duplicate-name]: `days` is declared twice (help: the first one is at pipelines/a.yaml:1:8; all pipeline files share one namespace)
    pipelines/b.yaml:3:3: error[duplicate-name]: `daily` is declared twice (help: the first one is at pipelines/a.yaml:3:3; all pipeline files share one namespace)
    "#);
}

#[test]
fn names_need_no_quotes_in_sql() {
    assert_snapshot!(columns("      Order-ID: string\n      _x: string\n      group: string\n      2nd: string\n      günther: string\n"), @r#"
    pipelines/p.yaml:8:7: error[bad-name]: `Order-ID` cannot name a column: SQL would need quotes to read it (help: use lower-case letters, digits and `_`, as in `order_id`)
    pipelines/p.yaml:9:7: error[bad-name]: `_x` cannot name a column: names that start with `_` are cxmill's own (help: start it with a letter)
    pipelines/p.yaml:10:7: error[bad-name]: `group` cannot name a column: it is a word of SQL itself (help: choose another name, such as `the_group` or `group_name`)
    pipelines/p.yaml:11:7: error[bad-name]: `2nd` cannot name a column: SQL would need quotes to read it (help: use lower-case letters, digits and `_`, as in `nd`)
    pipelines/p.yaml:12:7: error[bad-name]: `günther` cannot name a column: SQL would need quotes to read it (help: use lower-case letters, digits and `_`, as in `g_nther`)
    "#);
}

#[test]
fn types_and_rules_fit_together() {
    assert_snapshot!(columns("
      a: varchar
      b: {type: int8, between: [0, 300]}
      c: {type: int32, one_of: [1, x]}
      d: {type: string, matches: '(', length: [5, 2]}
      e: {type: int32, matches: a, length: 3, format: '%Y'}
      f: {type: int64, private: true}
      g: {type: 'decimal(39, 2)'}
      h: {type: timestamp, format: epoch_sec}
      i: {type: timestamp, format: 'yyyy-MM-dd'}
      j: {type: date, between: ['2026-01-32', null]}
      k: {type: boolean, one_of: [yes]}
      l: {type: double, between: [null, null]}
      m: {type: double, between: [1]}
      n: {type: 'decimal(4, 1)', one_of: [1.25]}
      o: {type: string, one_of: []}
      p:
      q: {required: true}
      r: {type: string, from: a..b}
      s: {type: decimal(18, 2)}
      t: {type: date, format: 'dd/mm/yyyy'}
      u: {type: date, format: epoch_s}
"), @r#"
    pipelines/p.yaml:9:10: error[unknown-type]: unknown type `varchar` (help: did you mean `string`? types: `string`, `int8`, `int16`, `int32`, `int64`, `double`, `decimal(18, 2)`, `boolean`, `date`, `timestamp`)
    pipelines/p.yaml:10:36: error[bad-value]: `300` is no int8 (help: the column is of type int8)
    pipelines/p.yaml:11:36: error[bad-value]: `x` is no int32 (help: the column is of type int32)
    pipelines/p.yaml:12:34: error[bad-regex]: `matches` is no regular expression: unclosed group (help: quote it with `'…'` so that YAML leaves backslashes alone; look-around and back-references do not exist)
    pipelines/p.yaml:12:47: error[bad-value]: `length` allows nothing: its ends are the wrong way round (help: write the least value first)
    pipelines/p.yaml:13:33: error[misplaced-rule]: `matches` has no meaning for the type int32 (help: it is a rule for `type: string`)
    pipelines/p.yaml:13:44: error[misplaced-rule]: `length` has no meaning for the type int32 (help: it is a rule for `type: string`)
    pipelines/p.yaml:13:55: error[misplaced-key]: `format` has no meaning for the type int32 (help: take it out, or write `type: timestamp` or `type: date`)
    pipelines/p.yaml:14:33: error[bad-private]: a private column cannot be of type int64: its hash is text (help: write `type: string`)
    pipelines/p.yaml:15:17: error[unknown-type]: unknown type `decimal(39, 2)` (help: write decimal(digits, digits after the point), such as `decimal(18, 2)`; at most 38 digits)
    pipelines/p.yaml:16:36: error[bad-format]: `epoch_sec` is no timestamp format (help: did you mean `epoch_s`?)
    pipelines/p.yaml:17:36: error[bad-format]: `yyyy-MM-dd` is no timestamp format (help: write one of `iso8601`, `epoch_s`, `epoch_ms`, `epoch_us`, or a strptime format such as `%d/%m/%Y %H:%M`)
    pipelines/p.yaml:18:33: error[bad-value]: `2026-01-32` is no date (help: the column is of type date)
    pipelines/p.yaml:19:35: error[bad-value]: `yes` is no boolean (help: the column is of type boolean)
    pipelines/p.yaml:20:34: error[bad-value]: `between` is open at both ends (help: write at least one end)
    pipelines/p.yaml:21:34: error[wrong-type]: `between` has 1 ends (help: write two, as in `[0, 10]`; `null` leaves an end open)
    pipelines/p.yaml:22:43: error[bad-value]: `1.25` is no decimal(4, 1) (help: the column is of type decimal(4, 1))
    pipelines/p.yaml:23:33: error[bad-value]: `one_of` allows no value (help: name at least one value)
    pipelines/p.yaml:24:8: error[wrong-type]: `p` has no value (help: write text or a map that describes a column)
    pipelines/p.yaml:25:11: error[missing-key]: `q` has no `type` (help: type: `string`, `int8`, `int16`, `int32`, `int64`, `double`, `decimal(p, s)`, `boolean`, `date` or `timestamp`.)
    pipelines/p.yaml:26:31: error[bad-value]: `from` of `r` has an empty part (help: write a name, or a path such as `submitted.at`)
    pipelines/p.yaml:27:17: error[unknown-type]: unknown type `decimal(18` (help: put quotes around it, as in `'decimal(18, 2)'`: a comma ends a value within `{…}`)
    pipelines/p.yaml:27:29: error[unknown-key]: unknown key `2)` of a column (help: a comma ends a value within `{…}`: put quotes around it, as in `'decimal(18, 2)'`)
    pipelines/p.yaml:28:31: error[bad-format]: `dd/mm/yyyy` is no date format (help: write `iso8601`, or a strptime format such as `%d/%m/%Y`)
    pipelines/p.yaml:29:31: error[bad-format]: `epoch_s` is no date format (help: write `iso8601`, or a strptime format such as `%d/%m/%Y`)
    "#);
}

#[test]
fn keys_of_sources_are_checked() {
    assert_snapshot!(keys("
    time_zone: Europe/Pari
    unique_key: [at, at, order]
    error_budget: 101%
    unknown_fields: refuse
    csv: {header: true}
    late_after: 0d
    unique_within: 0d
    description:
"), @r#"
    pipelines/p.yaml:6:16: error[bad-value]: `Europe/Pari` is no time zone (help: did you mean `Europe/Paris`?)
    pipelines/p.yaml:7:22: error[bad-value]: `at` is named twice (help: name each column once)
    pipelines/p.yaml:7:26: error[unknown-column]: there is no column `order` (help: known: `at`)
    pipelines/p.yaml:8:19: error[bad-value]: `101%` is no error budget (help: write a share such as `1%`, or a number of rows such as `20`)
    pipelines/p.yaml:9:21: error[unknown-value]: `unknown_fields` cannot be text `refuse` (help: it is one of `ignore`, `reject`)
    pipelines/p.yaml:10:5: error[misplaced-key]: `csv` has no meaning for the format ndjson (help: take it out, or write `format: csv`)
    pipelines/p.yaml:11:17: error[bad-value]: `0d` is no time that a row may take (help: write a number and a unit, as in `12h`, `30d` or `2w`)
    pipelines/p.yaml:12:20: error[bad-value]: `0d` is no number of days (help: write a number of whole days, as in `30d` or `2w`, or `all`)
    pipelines/p.yaml:13:16: error[wrong-type]: `description` has no value (help: write text)
    "#);
    assert_snapshot!(diagnostics(pipeline("\
sources:
  a: {location: 'ftp://x/', format: csv, csv: {delimiter: ';;', quote: ',', encoding: utf8}, event_time: b, columns: {b: date}}
  c: {location: x/, event_time: d, columns: {d: string}}
  e: {format: csv, csv: {header: false}, location: '', event_time: f, columns: {f: {type: date, required: true, from: day}}}
  g: {}
  h: text
  i: {location: x.csv.gz, event_time: at, columns: {}}
")), @r#"
    pipelines/p.yaml:2:17: error[bad-value]: `location` has the unknown scheme `ftp` (help: known: `s3`, `gs`, `az`, `http`, `https`, `memory`; anything else is a local path)
    pipelines/p.yaml:2:59: error[bad-value]: `;;` cannot be the delimiter (help: write one ASCII character, as in `";"` or `"\t"`, or the word `whitespace`)
    pipelines/p.yaml:2:72: error[bad-value]: `,` cannot be the quote character (help: write one ASCII character other than the delimiter, as in `'"'`)
    pipelines/p.yaml:2:87: error[unknown-value]: `encoding` cannot be text `utf8` (help: did you mean `utf-8`? it is one of `utf-8`, `latin-1`)
    pipelines/p.yaml:2:106: error[bad-event-time]: the event time `b` may be missing from a row (help: write `required: true` at the column (pipelines/p.yaml:2:119))
    pipelines/p.yaml:3:3: error[missing-key]: `c` has no `format`, and its location does not tell it (help: format: one of `ndjson`, `csv`, `parquet`, `avro`, `arrow`)
    pipelines/p.yaml:3:33: error[bad-event-time]: the event time `d` is of type string (help: name a column of type `timestamp` or `date`)
    pipelines/p.yaml:4:52: error[bad-value]: `location` is empty (help: write a folder, a file or a URL, such as `${raw}/orders/`)
    pipelines/p.yaml:4:119: error[bad-value]: `from` of `f` is no column number (help: a file without a header has numbers for columns, from 1)
    pipelines/p.yaml:5:6: error[missing-key]: `g` has no `location` (help: location: Folder, file or glob of the raw files: a local path, `s3://`, `gs://`, `az://` or `http(s)://`. `${raw}` stands for the raw root of the settings.)
    pipelines/p.yaml:5:6: error[missing-key]: `g` has no `columns` (help: columns: The columns to read, in order. `name: string` is short for `name: {type: string}`.)
    pipelines/p.yaml:6:6: error[wrong-type]: `h` is text `text` (help: write a map that describes a source)
    pipelines/p.yaml:7:52: error[no-columns]: a source declares no column (help: name at least its event time)
    "#);
}

#[test]
fn models_have_one_query_with_exact_places() {
    assert_snapshot!(model("    sql: >\n      SELECT\n      1\n"), @"pipelines/p.yaml:4:7: error[sql-notation]: SQL is written in a folded block (`>`) (help: write it after `sql: |`, so that messages can point into it)");
    assert_snapshot!(model("    sql: SELECT 1,\n      2\n"), @"pipelines/p.yaml:3:10: error[sql-notation]: SQL is written over several lines without `|` (help: write it after `sql: |`, so that messages can point into it)");
    assert_snapshot!(model("    sql: 'SELECT ''a'''\n"), @"pipelines/p.yaml:3:10: error[sql-notation]: SQL is written in quotes with escapes or over several lines (help: write it after `sql: |`, so that messages can point into it)");
    assert_snapshot!(model("    sql:\n"), @"pipelines/p.yaml:3:8: error[wrong-type]: `sql` has no value (help: write text)");
    assert_snapshot!(model("    description: no query\n"), @"pipelines/p.yaml:2:3: error[missing-key]: `daily` has no query (help: write it after `sql: |`, or name a file with `sql_file`)");
    assert_snapshot!(model("    sql: SELECT 1\n    sql_file: a.sql\n"), @"pipelines/p.yaml:4:5: error[misplaced-key]: `daily` has two queries (help: keep either `sql` or `sql_file`)");
    let files =
        [("pipelines/x/p.yaml", "models: {a: {sql_file: ../sql/dayly.sql}}"), ("pipelines/sql/daily.sql", "SELECT 1")];
    assert_snapshot!(diagnostics(project(&[], &files)), @"pipelines/x/p.yaml:1:24: error[missing-file]: there is no file `pipelines/sql/dayly.sql` (help: did you mean the file `pipelines/sql/daily.sql`? the path starts at the folder of this file)");
}

#[test]
fn keys_of_models_are_checked() {
    assert_snapshot!(model("
    sql: SELECT 1
    strategy: view
    grain: [day, day]
    checks: []
    output: {sort_by: day}
"), @r#"
    pipelines/p.yaml:6:5: error[misplaced-key]: a view has no `grain`: it is not published (help: take it out, or write `strategy: full`)
    pipelines/p.yaml:6:18: error[bad-value]: `day` is named twice in `grain` (help: name each column once)
    pipelines/p.yaml:7:5: error[misplaced-key]: a view has no `checks`: it is not published (help: take it out, or write `strategy: full`)
    pipelines/p.yaml:8:5: error[misplaced-key]: a view has no `output`: it is not published (help: take it out, or write `strategy: full`)
    pipelines/p.yaml:8:23: error[wrong-type]: `sort_by` is text `day` (help: write a list of names)
    "#);
    assert_snapshot!(model("
    sql: SELECT 1
    grain: []
    checks:
      - not_null: day
        unique: day
      - severity: warn
      - between: {column: x}
      - between: {column: x, min: 2, max: 1}
      - one_of: {column: x, values: []}
      - row_count: {min: 2, max: 1}
      - row_count: {min: -1}
      - fresh: {column: x, within: 2 days}
      - sql: ''
      - not_null: []
      - {unique: [a], severity: fatal}
      - text
    output: {partition_by: {month: day, region: area}}
"), @r#"
    pipelines/p.yaml:5:12: error[bad-value]: `grain` is empty (help: name at least one column, or take it out)
    pipelines/p.yaml:7:9: error[bad-check]: a check demands several things (help: write exactly one of `not_null`, `unique`, `between`, `one_of`, `row_count`, `fresh`, `sql`)
    pipelines/p.yaml:9:9: error[bad-check]: a check demands nothing (help: write exactly one of `not_null`, `unique`, `between`, `one_of`, `row_count`, `fresh`, `sql`)
    pipelines/p.yaml:10:18: error[bad-check]: `between` has no end (help: write `min`, `max` or both)
    pipelines/p.yaml:11:18: error[bad-check]: `between` allows nothing: `min` is above `max` (help: swap them)
    pipelines/p.yaml:12:37: error[bad-value]: `values` is empty (help: name at least one value)
    pipelines/p.yaml:13:20: error[bad-check]: `row_count` allows nothing: `min` is above `max` (help: swap them)
    pipelines/p.yaml:14:26: error[wrong-type]: `min` is number `-1` (help: write a whole number that is not negative)
    pipelines/p.yaml:15:36: error[bad-value]: `2 days` is no duration (help: write a number and a unit, as in `90s`, `15m`, `12h`, `30d` or `2w`)
    pipelines/p.yaml:16:9: error[empty-sql]: `sql` is empty (help: write one SELECT after `|`)
    pipelines/p.yaml:17:19: error[bad-value]: `not_null` is empty (help: name at least one column, or take it out)
    pipelines/p.yaml:18:33: error[unknown-value]: `severity` cannot be text `fatal` (help: it is one of `error`, `warn`)
    pipelines/p.yaml:19:9: error[wrong-type]: `checks` is text `text` (help: write a map that describes a check)
    pipelines/p.yaml:20:41: error[bad-partition]: `region` is neither a period nor the column `area` (help: write `day`, `month` or `year` for periods of a date column, or `area: area` for its values)
    "#);
}

#[test]
fn variables_are_typed() {
    let config = [("config/default.yaml", "vars: {days: many, dayz: 3}\n")];
    let text = "vars:\n  days: 90\n  a: {type: int8, value: 200}\n  b: {value: }\n  c: {typ: date, value: x}\n  d: [1]\n  e: {type: text, value: x}\n";
    assert_snapshot!(diagnostics(project(&config, &[("pipelines/p.yaml", text)])), @r#"
    config/default.yaml:1:14: error[bad-value]: variable `days`: `many` is no int64 (help: the variable is declared at pipelines/p.yaml:2:3)
    config/default.yaml:1:26: error[unknown-variable]: no pipeline declares the variable `dayz` (help: did you mean `days`?)
    pipelines/p.yaml:3:26: error[bad-value]: variable `a`: `200` is no int8 (help: change the value or the type)
    pipelines/p.yaml:4:12: error[wrong-type]: `value` has no value (help: write text, a number or a boolean)
    pipelines/p.yaml:5:7: error[unknown-key]: unknown key `typ` of a variable (help: did you mean `type`? known keys: `type`, `value`, `description`)
    pipelines/p.yaml:6:6: error[wrong-type]: `d` is a list (help: write text, a number or a boolean or a map that describes a variable)
    pipelines/p.yaml:7:13: error[unknown-type]: unknown type `text` (help: did you mean `string`? types: `string`, `int8`, `int16`, `int32`, `int64`, `double`, `decimal(18, 2)`, `boolean`, `date`, `timestamp`)
    "#);
}

#[test]
fn a_misspelt_key_is_not_also_missing() {
    let text = "models: {a: {sqll: SELECT 1}}\nsources:\n  b: {locatoin: x.csv, event_time: d, columns: {d: {typ: date, required: true}}}\n";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:1:14: error[unknown-key]: unknown key `sqll` of a model (help: did you mean `sql`? known keys: `description`, `sql`, `sql_file`, `strategy`, `window`, `grain`, `checks`, `output`)
    pipelines/p.yaml:3:7: error[unknown-key]: unknown key `locatoin` of a source (help: did you mean `location`? known keys: `description`, `location`, `kind`, `history`, `format`, `csv`, `columns`, `event_time`, `time_zone`, `unique_key`, `unique_within`, `error_budget`, `unknown_fields`, `on_change`, `late_after`)
    pipelines/p.yaml:3:53: error[unknown-key]: unknown key `typ` of a column (help: did you mean `type`? known keys: `type`, `required`, `private`, `from`, `one_of`, `between`, `matches`, `length`, `format`, `description`)
    "#);
}

#[test]
fn what_an_unreadable_file_may_declare_is_not_missed() {
    let config = [("config/default.yaml", "vars: {days: 3}\n")];
    let found = diagnostics(project(&config, &[("pipelines/p.yaml", "vars: {days: 90\n")]));
    assert!(found.starts_with("pipelines/p.yaml:1:7: error[yaml]") && found.lines().count() == 1, "{found}");
}

#[test]
fn aliases_keep_their_place_and_merge_keys_are_refused() {
    let text = "models:\n  a: &a {sql: SELECT 1, grains: [x]}\n  b: *a\n  c: {<<: *a}\n";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:2:25: error[unknown-key]: unknown key `grains` of a model (help: did you mean `grain`? known keys: `description`, `sql`, `sql_file`, `strategy`, `window`, `grain`, `checks`, `output`)
    pipelines/p.yaml:3:6: error[unknown-key]: unknown key `grains` of a model (help: did you mean `grain`? known keys: `description`, `sql`, `sql_file`, `strategy`, `window`, `grain`, `checks`, `output`)
    pipelines/p.yaml:3:6: error[sql-notation]: SQL is written as an alias (help: write it after `sql: |`, so that messages can point into it)
    pipelines/p.yaml:4:3: error[missing-key]: `c` has no query (help: write it after `sql: |`, or name a file with `sql_file`)
    pipelines/p.yaml:4:7: error[unknown-key]: unknown key `<<` of a model (help: merge keys are not supported: write the keys out)
    "#);
}

#[test]
fn tests_name_what_is_there_and_expect_something() {
    let text = "\
sources:
  orders:
    location: orders/
    format: parquet
    event_time: at
    columns: {at: {type: timestamp, required: true}, id: string}
models:
  daily: {sql: SELECT 1 AS n}
tests:
  - name: a
    runs:
      - given: {orders: [{idd: 1, at: 2026-01-01}], order: [], daily: []}
        expect: {dayly: [], orders: []}
      - given: {orders: {lines: x}}
      - {exit: 4, expect: {daily: [{n: 1}]}, as_of: soon}
  - {name: a, runs: []}
  - {nam: b, runs: [x]}
";
    assert_snapshot!(diagnostics(pipeline(text)), @r#"
    pipelines/p.yaml:12:27: error[unknown-column]: no column of `orders` reads the field `idd` (help: did you mean `id`?)
    pipelines/p.yaml:12:53: error[unknown-table]: there is no source `order` (help: did you mean `orders`?)
    pipelines/p.yaml:12:64: error[unknown-table]: there is no source `daily` (help: it is a model)
    pipelines/p.yaml:13:18: error[unknown-table]: there is no model `dayly` (help: did you mean `daily`?)
    pipelines/p.yaml:13:29: error[unknown-table]: there is no model `orders` (help: it is a source)
    pipelines/p.yaml:14:9: error[bad-value]: a run that expects nothing shows nothing (help: write `expect`, `quarantined` or `exit`)
    pipelines/p.yaml:14:26: error[misplaced-key]: `orders` is no text format: its files have no lines (help: give rows instead)
    pipelines/p.yaml:15:16: error[bad-value]: `exit` is number `4` (help: write 0 (done) or 3 (the data failed): nothing else can come of a run in memory)
    pipelines/p.yaml:15:53: error[bad-value]: `as_of` is text `soon` (help: write a date or a timestamp, as in `2026-01-31` or `2026-01-31T12:00:00Z`)
    pipelines/p.yaml:16:12: error[duplicate-name]: two tests are named `a` (help: the first one is at pipelines/p.yaml:10:11)
    pipelines/p.yaml:16:21: error[bad-value]: a test without a run shows nothing (help: write at least one run)
    pipelines/p.yaml:17:6: error[unknown-key]: unknown key `nam` of a test (help: did you mean `name`? known keys: `name`, `runs`)
    pipelines/p.yaml:17:21: error[wrong-type]: `runs` is text `x` (help: write a map that describes a run of a test)
    "#);
}
