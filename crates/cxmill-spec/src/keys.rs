//! Every key of pipeline and config files.

use crate::shape::{Key, Object, Shape};

const DURATION: Shape = Shape::Notation("a duration such as `90s`, `15m`, `12h`, `30d` or `2w`", r"^\d+\s*[smhdw]$");
const SIZE: Shape = Shape::Notation("a size such as `512MB`, `1GB` or `2GiB`", r"^\d+\s*([kKMGT]i?B|B)$");
const TYPE: Shape = Shape::Notation(
    "a type",
    r"^(string|int8|int16|int32|int64|double|boolean|date|timestamp|decimal\(\s*\d+\s*,\s*\d+\s*\))$",
);
const NAMES: Shape = Shape::List(&Shape::Text);

/// A pipeline file.
pub(crate) const PIPELINE: Object = Object {
    what: "a pipeline file",
    keys: &[
        Key::new("description", Shape::Text, "What the pipeline is for."),
        Key::new(
            "vars",
            Shape::Map(&Shape::Either(&[Shape::Scalar, Shape::Object(&VAR)])),
            "Typed values that SQL reads as `$name`. Settings and `--set vars.NAME=…` replace them.",
        ),
        Key::new(
            "sources",
            Shape::Map(&Shape::Object(&SOURCE)),
            "Raw files with their contracts, by the name SQL reads them under.",
        ),
        Key::new("models", Shape::Map(&Shape::Object(&MODEL)), "SQL queries, by the name of the table each one makes."),
        Key::new(
            "summary",
            Shape::List(&Shape::Object(&SUMMARY)),
            "Queries over published tables whose rows `cxmill run` shows at its end.",
        ),
        Key::new(
            "report",
            Shape::List(&Shape::Object(&FIGURE)),
            "Figures of the page that `cxmill report` writes: queries over published tables, and how their rows are drawn.",
        ),
        Key::new(
            "tests",
            Shape::List(&Shape::Object(&SCENARIO)),
            "Scenario tests that `cxmill test` runs in memory: several runs each, then what must stand published.",
        ),
    ],
};

const SCENARIO: Object = Object {
    what: "a test",
    keys: &[
        Key::required("name", Shape::Text, "What it shows, as a sentence."),
        Key::required("runs", Shape::List(&Shape::Object(&SCENARIO_RUN)), "Runs one after the other, over one state."),
    ],
};

const SCENARIO_RUN: Object = Object {
    what: "a run of a test",
    keys: &[
        Key::new(
            "given",
            Shape::Map(&Shape::Either(&[Shape::List(&Shape::Map(&Shape::Any)), Shape::Object(&GIVEN_LINES)])),
            "New raw rows by source, each source in one new file: a list of rows as they stand in the file, or `{lines: |…}` for its text.",
        ),
        Key::new("as_of", Shape::Text, "The run's logical time; the newest event time landed where left out."),
        Key::new(
            "expect",
            Shape::Map(&Shape::List(&Shape::Map(&Shape::Any))),
            "By model, the rows that stand published after the run: all of them, in any order; columns that no row names are not compared.",
        ),
        Key::new(
            "quarantined",
            Shape::Map(&Shape::List(&Shape::Map(&Shape::Any))),
            "By source, the rows in quarantine after the run, compared like `expect`: `line`, `rule`, `column`, `message`, `raw`.",
        ),
        Key::new(
            "exit",
            Shape::Whole,
            "Exit code of the run; 0 where left out, 3 where a check or the error budget stops it.",
        ),
    ],
};

const GIVEN_LINES: Object =
    Object { what: "raw lines", keys: &[Key::required("lines", Shape::Text, "Text of the file, written after `|`.")] };

const SUMMARY: Object = Object {
    what: "a summary",
    keys: &[
        Key::required("title", Shape::Text, "The line above the rows."),
        Key::required("sql", Shape::Text, "A query over models, written after `|`. Keep it to a few rows."),
    ],
};

/// A figure of the report.
pub(crate) const FIGURE: Object = Object {
    what: "a figure",
    keys: &[
        Key::required("title", Shape::Text, "The line above it."),
        Key::new(
            "section",
            Shape::Text,
            "Figures with the same section stand together under it, whatever file they are in.",
        ),
        Key::new("question", Shape::Text, "What it answers, in a sentence or two below the title."),
        Key::required(
            "chart",
            Shape::Word(&[
                "numbers",
                "line",
                "bars",
                "effects",
                "heatmap",
                "steps",
                "histogram",
                "calibration",
                "funnel",
                "flow",
                "percentiles",
                "table",
            ]),
            "How the rows are drawn.",
        ),
        Key::new(
            "x",
            Shape::Text,
            "Column of the place on the level axis, or of the name of each bar, effect, step or number.",
        ),
        Key::new(
            "y",
            Shape::Either(&[Shape::Text, NAMES]),
            "Column of the value, of a heat map that of the rows; a list of columns for `percentiles`.",
        ),
        Key::new("low", Shape::Text, "Column of the lower end of the interval, or of a histogram's range."),
        Key::new("high", Shape::Text, "Column of the upper end of the interval, or of a histogram's range."),
        Key::new("series", Shape::Text, "Column that tells lines or groups apart."),
        Key::new("value", Shape::Text, "Column of the value in a cell of a heat map."),
        Key::new("expected", Shape::Text, "Column of what a model expected, beside what came in `y`."),
        Key::new("from", Shape::Text, "Column of where a flow comes from."),
        Key::new("to", Shape::Text, "Column of where a flow goes to."),
        Key::new("note", Shape::Text, "Column of a remark below a key number."),
        Key::new("unit", Shape::Text, "What numbers are counted in, written after them, as in `%`, `EUR` or `days`."),
        Key::required("sql", Shape::Text, "A query over models, written after `|`, with the rows to draw in order."),
    ],
};

const VAR: Object = Object {
    what: "a variable",
    keys: &[
        Key::new("type", TYPE, "Its type; taken from the value where left out."),
        Key::required("value", Shape::Scalar, "Its value."),
        Key::new("description", Shape::Text, "What it means."),
    ],
};

const SOURCE: Object = Object {
    what: "a source",
    keys: &[
        Key::new("description", Shape::Text, "What the rows are."),
        Key::required(
            "location",
            Shape::Text,
            "Folder, file or glob of the raw files: a local path, `s3://`, `gs://`, `az://` or `http(s)://`. `${raw}` stands for the raw root of the settings.",
        ),
        Key::new(
            "kind",
            Shape::Word(&["events", "snapshot"]),
            "`events` (default): each file adds rows; `snapshot`: a table that is delivered whole again and again, of which the newest delivery counts.",
        ),
        Key::new(
            "history",
            Shape::Word(&["replace", "keep"]),
            "Of a snapshot: `replace` (default) rebuilds the models that read it when it changes; with `keep`, partitions stay as they were built until new rows touch them.",
        ),
        Key::new(
            "format",
            Shape::Word(&["ndjson", "csv", "parquet", "avro", "arrow"]),
            "How the files are encoded; left out, the suffix of the location decides. Compression follows from `.gz`, `.zst` or `.bz2` at the end of each file's name.",
        ),
        Key::new("csv", Shape::Object(&CSV), "How delimited text is written; only with `format: csv`."),
        Key::required(
            "columns",
            Shape::Map(&Shape::Either(&[Shape::Text, Shape::Object(&COLUMN)])),
            "The columns to read, in order. `name: string` is short for `name: {type: string}`.",
        ),
        Key::new(
            "event_time",
            Shape::Text,
            "The required date or timestamp column that says when the event happened. Without it rows are undated: they stay out of the as-of, and all of them form one event date.",
        ),
        Key::new(
            "time_zone",
            Shape::Text,
            "Zone of timestamps without offset and of event dates, such as `Europe/Paris`; the project's where left out.",
        ),
        Key::new(
            "unique_key",
            NAMES,
            "Columns that identify a row. Later rows of the same event date that repeat them are dropped and counted.",
        ),
        Key::new(
            "unique_within",
            Shape::Notation("a number of days such as `30d`, or `all`", r"^(all|\d+\s*[dw])$"),
            "How far apart the event dates of rows with one key may lie: so many days, or `all`; the same date where left out.",
        ),
        Key::new(
            "error_budget",
            Shape::Notation(
                "a share such as `1%`, or a number of rows such as `20`",
                r"^\d+(\.\d+)?\s*%$|^\d+( rows?)?$",
            ),
            "The most bad rows a run takes before it stops; `1%` where left out.",
        ),
        Key::new(
            "unknown_fields",
            Shape::Word(&["ignore", "reject"]),
            "What to do with fields that no column names: `ignore` (default) or `reject` the row.",
        ),
        Key::new(
            "on_change",
            Shape::Word(&["fail", "ignore", "restate"]),
            "What to do about a file that changed after it was read: `fail` (default) stops the run, `ignore` counts it as read, `restate` takes out what it contributed and reads it again.",
        ),
        Key::new(
            "late_after",
            DURATION,
            "Rows whose event lies more than this before their file was put go to quarantine, as `late`; none where left out.",
        ),
    ],
};

const CSV: Object = Object {
    what: "`csv`",
    keys: &[
        Key::new(
            "delimiter",
            Shape::Text,
            "One character, `,` where left out, or the word `whitespace` for runs of blanks and tabs.",
        ),
        Key::new("quote", Shape::Text, "The quote character; `\"` where left out."),
        Key::new(
            "header",
            Shape::Boolean,
            "Whether the first record names the columns; true where left out. Without a header a column's `from` is its number from 1.",
        ),
        Key::new("encoding", Shape::Word(&["utf-8", "latin-1"]), "Encoding of the text; `utf-8` where left out."),
        Key::new("null_values", NAMES, "Cells that mean NULL, besides the empty one."),
    ],
};

const COLUMN: Object = Object {
    what: "a column",
    keys: &[
        Key::required(
            "type",
            TYPE,
            "`string`, `int8`, `int16`, `int32`, `int64`, `double`, `decimal(p, s)`, `boolean`, `date` or `timestamp`.",
        ),
        Key::new(
            "required",
            Shape::Boolean,
            "Whether a missing or null value breaks the contract; false where left out.",
        ),
        Key::new(
            "private",
            Shape::Boolean,
            "Whether the value is replaced by a keyed hash before anything is written; only with `type: string`.",
        ),
        Key::new(
            "from",
            Shape::Either(&[Shape::Text, NAMES]),
            "Where the value is found: another name, a path such as `submitted.at` (or the list of its parts), or the column's number from 1 in a CSV file without header.",
        ),
        Key::new("one_of", Shape::List(&Shape::Scalar), "The values that are allowed."),
        Key::new("between", Shape::Range, "The least and the greatest value; null leaves an end open."),
        Key::new("matches", Shape::Text, "A regular expression that the text or a part of it must match."),
        Key::new(
            "length",
            Shape::Either(&[Shape::Whole, Shape::Range]),
            "Length of the text in characters: one number, or the least and the greatest.",
        ),
        Key::new(
            "format",
            Shape::Text,
            "How a timestamp is written: `iso8601` (default), `epoch_s`, `epoch_ms`, `epoch_us` or a strptime format. Of a date: \
             `iso8601` (default) or a strptime format.",
        ),
        Key::new("description", Shape::Text, "What the column means."),
    ],
};

/// A model.
pub(crate) const MODEL: Object = Object {
    what: "a model",
    keys: &[
        Key::new("description", Shape::Text, "What one row is."),
        Key::new("sql", Shape::Text, "The query, written after `|`."),
        Key::new("sql_file", Shape::Text, "Path of a `.sql` file with the query, from the folder of this file."),
        Key::new(
            "strategy",
            Shape::Word(&["view", "full", "state", "partition"]),
            "`view`: inlined into its readers; `full`: computed anew; `state`: only new rows are read; `partition`: only the partitions that new rows touch are computed. Chosen for you where left out.",
        ),
        Key::new(
            "window",
            Shape::Object(&WINDOW),
            "How far the rows of a date look beyond it, where the SQL does not show it: the strategy `partition` then reads the landed rows of these days too.",
        ),
        Key::new("grain", NAMES, "Columns that identify a row; implies the checks `not_null` and `unique`."),
        Key::new("checks", Shape::List(&Shape::Object(&CHECK)), "What must hold of the result before it is published."),
        Key::new("output", Shape::Object(&OUTPUT), "How the published table is laid out."),
    ],
};

const WINDOW: Object = Object {
    what: "`window`",
    keys: &[
        Key::new("before", DURATION, "How far before their date the rows look, in whole days; `0d` where left out."),
        Key::new("after", DURATION, "How far after their date the rows look, in whole days; `0d` where left out."),
    ],
};

const OUTPUT: Object = Object {
    what: "`output`",
    keys: &[
        Key::new(
            "partition_by",
            Shape::Either(&[NAMES, Shape::Map(&Shape::Text)]),
            "Folders of the published table: `{month: day}` for the month (or day, or year) of the date column `day`, or a list of columns.",
        ),
        Key::new("sort_by", NAMES, "Order of the rows in each file; the grain's where left out."),
    ],
};

/// Keys of a check that say what must hold.
pub(crate) const CHECK_KINDS: &[&str] = &["not_null", "unique", "between", "one_of", "row_count", "fresh", "sql"];

const CHECK: Object = Object {
    what: "a check",
    keys: &[
        Key::new("not_null", Shape::Either(&[Shape::Text, NAMES]), "Columns without NULL."),
        Key::new("unique", Shape::Either(&[Shape::Text, NAMES]), "Columns whose values no two rows share."),
        Key::new("between", Shape::Object(&BETWEEN), "A column whose values lie in a range."),
        Key::new("one_of", Shape::Object(&ONE_OF), "A column whose values are among these."),
        Key::new("row_count", Shape::Object(&ROW_COUNT), "How many rows there may be."),
        Key::new(
            "fresh",
            Shape::Object(&FRESH),
            "How old the newest value of a date or timestamp column may be at the as-of.",
        ),
        Key::new("sql", Shape::Text, "A query that must return no rows."),
        Key::new(
            "severity",
            Shape::Word(&["error", "warn"]),
            "`error` (default) withholds the model and its readers, `warn` only reports.",
        ),
    ],
};

const BETWEEN: Object = Object {
    what: "the check `between`",
    keys: &[
        Key::required("column", Shape::Text, "Column of the result."),
        Key::new("min", Shape::Scalar, "Least value."),
        Key::new("max", Shape::Scalar, "Greatest value."),
    ],
};

const ONE_OF: Object = Object {
    what: "the check `one_of`",
    keys: &[
        Key::required("column", Shape::Text, "Column of the result."),
        Key::required("values", Shape::List(&Shape::Scalar), "Allowed values."),
    ],
};

const ROW_COUNT: Object = Object {
    what: "the check `row_count`",
    keys: &[
        Key::new("min", Shape::Whole, "Least number of rows."),
        Key::new("max", Shape::Whole, "Greatest number of rows."),
    ],
};

const FRESH: Object = Object {
    what: "the check `fresh`",
    keys: &[
        Key::required("column", Shape::Text, "Column of the result."),
        Key::required("within", DURATION, "Greatest age, such as `2d`."),
    ],
};

/// A config file.
pub(crate) const CONFIG: Object = Object {
    what: "the settings",
    keys: &[
        Key::new("raw", Shape::Text, "Root of the raw files: `${raw}` in the locations of sources."),
        Key::new("output", Shape::Text, "Root of the published tables."),
        Key::new("state", Shape::Text, "Root of cxmill's own state: commits, landed rows, quarantine."),
        Key::new("time_zone", Shape::Text, "The project's time zone, such as `Europe/Paris`."),
        Key::new("memory_limit", SIZE, "Memory that the process may take; at least 128MB."),
        Key::new("threads", Shape::Whole, "Worker threads; all cores where left out."),
        Key::new(
            "max_batch_bytes",
            SIZE,
            "Raw bytes that one batch takes, or bytes of landed rows where a model is built anew.",
        ),
        Key::new(
            "stores",
            Shape::Object(&STORES),
            "Settings of object stores by scheme. Credentials come from the environment only.",
        ),
        Key::new("vars", Shape::Map(&Shape::Scalar), "Values that replace those of the pipelines' variables."),
        Key::new(
            "sample",
            Shape::Object(&SAMPLE),
            "A synthetic sample that `cxmill run` writes to `raw` first, if that is a local folder that does not exist.",
        ),
    ],
};

const SAMPLE: Object = Object {
    what: "`sample`",
    keys: &[
        Key::new("customers", Shape::Whole, "Customers acquired; 1000 where left out."),
        Key::new("days", Shape::Whole, "Days; 90 where left out."),
        Key::new("seed", Shape::Whole, "The same seed gives the same bytes; 42 where left out."),
    ],
};

/// Settings of object stores.
pub(crate) const STORES: Object = Object {
    what: "`stores`",
    keys: &[
        Key::new(
            "s3",
            Shape::Map(&Shape::Text),
            "S3 and what speaks like it: `endpoint`, `region`, `allow_http`, `virtual_hosted_style_request`.",
        ),
        Key::new("gs", Shape::Map(&Shape::Text), "Google Cloud Storage."),
        Key::new("az", Shape::Map(&Shape::Text), "Azure Blob Storage: `account`, `endpoint`, `allow_http`."),
        Key::new("http", Shape::Map(&Shape::Text), "Web servers: `allow_http`."),
    ],
};
