//! The command line as typed.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::exit_code;

/// Milliseconds: the longest that following may sleep.
const A_DAY: u64 = 86_400_000;

/// Heading of the options that every command takes.
const GENERAL: &str = "Options of every command";

/// The option that overrides a setting.
const SET: &str = "set";

/// Raw customer events in, NPS, churn and lifetime-value tables out.
#[derive(Debug, Parser)]
#[command(name = "cxmill", version, about, after_help = exit_code::HELP, max_term_width = 120)]
pub(crate) struct Args {
    /// Folder of the project: it holds config/ and pipelines/.
    #[arg(long, global = true, help_heading = GENERAL, value_name = "DIR", default_value = ".")]
    pub(crate) project: PathBuf,
    /// Lay config/NAME.yaml over config/default.yaml.
    #[arg(long, global = true, help_heading = GENERAL, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The settings of `--set`, wherever they stand on the command line, in their order.
    #[arg(skip)]
    pub(crate) set: Vec<(String, String)>,
    /// How results are shown on stdout.
    #[arg(long, global = true, help_heading = GENERAL, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// What was typed. Ends the process where it cannot be understood, or where only help was asked for.
    pub(crate) fn typed() -> Self {
        let matches = Self::whole().get_matches();
        match Self::from_arg_matches(&matches) {
            Ok(args) => Self { set: settings(&matches), ..args },
            Err(error) => error.format(&mut Self::whole()).exit(),
        }
    }

    /// The definition of the command line, with `--set` on every level.
    pub(crate) fn whole() -> clap::Command {
        with_settings(Self::command())
    }
}

/// `--set` as an option of its own on every level: of an option that clap hands down, what stands before the command is lost
/// where it is given after the command as well.
fn with_settings(command: clap::Command) -> clap::Command {
    let set = Arg::new(SET)
        .long(SET)
        .help("Override a setting, as in `--set memory_limit=1GB` or `--set vars.inactive_days=30`")
        .help_heading(GENERAL)
        .value_name("KEY=VALUE")
        .value_parser(key_value)
        .action(ArgAction::Append);
    command.arg(set).mut_subcommands(with_settings)
}

/// The settings of all levels.
fn settings(matches: &ArgMatches) -> Vec<(String, String)> {
    let here = matches.get_many(SET).into_iter().flatten().cloned();
    let below = matches.subcommand().map(|(_, below)| settings(below));
    here.chain(below.unwrap_or_default()).collect()
}

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// One JSON document; of `run --follow`, one a line.
    Json,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new project that runs as it is.
    Init {
        /// Folder to make; it must be absent or empty.
        dir: PathBuf,
    },
    /// Write a synthetic omnichannel raw bucket with known truth.
    Sample(Sample),
    /// Report every error in the project at once; touches no data.
    Validate,
    /// Say what the next run would read, do and write, and why.
    Plan(RunArgs),
    /// Bring every table up to date.
    Run {
        /// How.
        #[command(flatten)]
        options: RunArgs,
        /// Whether to keep running.
        #[command(flatten)]
        follow: Follow,
    },
    /// Remove what no commit names and no reader may still hold from the state root.
    ///
    /// Every run that has something to do does this at its end. By hand it is of use after a run was killed, or once the grace
    /// period of a store without a lock is over. The output root needs no collecting: what a killed run left there is removed
    /// when the next one publishes.
    Gc {
        /// Only list what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Run the scenario tests of the pipeline files, in memory; touches no data.
    Test {
        /// Only tests with this text in their name.
        #[arg(value_name = "TEXT")]
        filter: Option<String>,
    },
    /// Show a published table.
    Show {
        /// The model.
        model: String,
        /// Most rows to show.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// SQL condition, as in `--where "channel = 'web'"`.
        #[arg(long = "where", value_name = "CONDITION")]
        filter: Option<String>,
    },
    /// Write the figures of the project (`report:` of its pipeline files) as one HTML page that opens from disk.
    ///
    /// The page shows the newest commit. It needs no network and no script; each chart comes with its numbers as a table and
    /// the SQL they came from.
    Report(Report),
    /// Write what the project is made of as one HTML page: sources with their contracts, models with SQL, lineage and checks.
    ///
    /// The page shows where models and checks stand as of the newest commit, and looks at no rows. It needs no network and no
    /// script.
    Docs(Docs),
    /// Say where the project stands: epoch, sources, models.
    Status,
    /// Look at rejected rows, or feed them back.
    Quarantine {
        /// What to do.
        #[command(subcommand)]
        command: Quarantine,
    },
    /// The SQL function reference.
    Functions {
        /// One function, with arguments and an example.
        name: Option<String>,
        /// The whole reference as one Markdown page.
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
    /// JSON schema of a kind of file, for editors.
    Schema {
        /// Kind of file.
        #[arg(value_enum, default_value_t = SchemaKind::Pipeline)]
        kind: SchemaKind,
    },
    /// Completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// The manual page (roff), as in `cxmill man run | man -l -`.
    Man {
        /// The command; the page of all of them without it.
        command: Option<String>,
    },
    /// Try everything a run needs: reading sources, writing state and output, put-if-absent there.
    Doctor,
}

/// Options of `report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Report {
    /// Where to write the page; `-` is stdout, and `report.html` in the project's folder where left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The line above the page.
    #[arg(long, value_name = "TEXT", default_value = "Customer report")]
    pub(crate) title: String,
}

/// Options of `docs`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Docs {
    /// Where to write the page; `-` is stdout, and `docs.html` in the project's folder where left out.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The line above the page.
    #[arg(long, value_name = "TEXT", default_value = "Project documentation")]
    pub(crate) title: String,
}

/// Options of `plan` and `run`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArgs {
    /// Only this model and what it reads (may be repeated).
    #[arg(long, value_name = "MODEL")]
    pub(crate) select: Vec<String>,
    /// Logical time that SQL reads as $as_of: an ISO date or timestamp (UTC unless it says otherwise), or `now`.
    /// By default the newest event time landed.
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Build the models anew from landed rows, or with --select only those named (what they read is brought up to date as
    /// ever), and read sources whose contract changed again from their raw files.
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Take at most so many batches (of max_batch_bytes) of models that are built anew from landed rows; the next run goes on
    /// there. By default all of them.
    #[arg(long, value_name = "N")]
    pub(crate) rebuild_batches: Option<u64>,
    /// Go on where a source's location changed and the new place does not hold every file that was read: files there whose
    /// names below the location were never read count as new.
    #[arg(long)]
    pub(crate) relocate: bool,
}

/// Options of `run` that keep it running.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Follow {
    /// Keep running: look for new files again and again, and run the project where there are any. SIGTERM or Ctrl-C ends it
    /// cleanly with exit code 0, a second one at once with 130. What a later look may find mended (data, a store, another runner) is
    /// said and tried again, at most five minutes later. Nothing is locked between two looks.
    #[arg(long)]
    pub(crate) follow: bool,
    /// How often to look, as in 10s, 5m or 1h.
    #[arg(long, value_name = "DURATION", default_value = "30s", requires = "follow", value_parser = every)]
    pub(crate) every: Duration,
}

/// A logical time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// The wall clock at the start of the command.
    Now,
    /// This time.
    At(DateTime<Utc>),
}

/// Options of `sample`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sample {
    /// Folder to write to; it must be absent or empty.
    pub(crate) dir: PathBuf,
    /// Customers acquired.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) customers: u64,
    /// Days.
    #[arg(long, default_value_t = 90)]
    pub(crate) days: u32,
    /// Seed: the same options give the same bytes.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Share of rows that arrive in a later file.
    #[arg(long, default_value = "1%", value_parser = share)]
    pub(crate) late: f64,
    /// Share of bad rows.
    #[arg(long, default_value = "0.1%", value_parser = share)]
    pub(crate) bad: f64,
    /// Share of rows sent twice.
    #[arg(long, default_value = "0.5%", value_parser = share)]
    pub(crate) duplicates: f64,
}

/// Commands of `quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Counts by source and rule.
    List,
    /// Rejected rows of a source: object, line, rule, message, raw record.
    Show {
        /// The source; all of them without it.
        source: Option<String>,
        /// Most rows to show.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Read rejected rows again from their raw files, once the contract was fixed: those that meet it now are landed, and the
    /// next run takes them into the tables.
    Replay {
        /// The sources; all of them without it.
        #[arg(value_name = "SOURCE")]
        sources: Vec<String>,
        /// Only say how many rows would pass.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Kinds of file with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// pipelines/*.yaml
    Pipeline,
    /// config/*.yaml
    Config,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, as in memory_limit=1GB".to_owned()),
    }
}

fn every(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let milliseconds = match &text.get(digits.len()..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => 0,
    };
    match digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(milliseconds)) {
        Some(milliseconds @ 100..=A_DAY) => Ok(Duration::from_millis(milliseconds)),
        _ => Err("expected a duration from 100ms to 24h, as in 500ms, 30s, 5m or 1h".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&(value / scale)) => Ok(value / scale),
        _ => Err("expected a share from 0% to 100%, as in 0.5%".to_owned()),
    }
}

fn as_of(text: &str) -> Result<AsOf, String> {
    if text == "now" {
        return Ok(AsOf::Now);
    }
    let utc = |naive: NaiveDateTime| AsOf::At(naive.and_utc());
    DateTime::parse_from_rfc3339(text)
        .map(|time| AsOf::At(time.to_utc()))
        .ok()
        .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(utc))
        .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(utc))
        .or_else(|| text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(utc))
        .ok_or_else(|| "expected an ISO date or timestamp, as in 2026-03-31 or 2026-03-31T12:00:00Z, or now".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn shares_are_read_as_percent_or_fraction() {
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("101%").is_err());
        assert!(share("NaN").is_err());
        assert!(share("-1%").is_err());
    }

    #[test]
    fn intervals_have_a_unit_and_bounds() {
        assert_eq!(every("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(every("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(every("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(every("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["30", "0s", "s", "", "1.5s", "-1s", "25h", "99999999999999999999h", "1d", "ms", "30é"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn as_of_takes_dates_times_offsets_and_now() {
        let at = |text: &str| match as_of(text) {
            Ok(AsOf::At(time)) => time.to_rfc3339(),
            other => format!("{other:?}"),
        };
        assert_eq!(at("2026-03-31"), "2026-03-31T00:00:00+00:00");
        assert_eq!(at("2026-03-31T12:30:00"), "2026-03-31T12:30:00+00:00");
        assert_eq!(at("2026-03-31T12:30:00+02:00"), "2026-03-31T10:30:00+00:00");
        assert_eq!(as_of("now"), Ok(AsOf::Now));
        assert!(as_of("yesterday").is_err());
    }
}
