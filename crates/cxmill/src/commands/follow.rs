//! `run --follow`: keep every table up to date until asked to stop.

use std::process::ExitCode;
use std::time::Duration;

use chrono::SecondsFormat;
use cxmill_engine::{EngineError, Follower, RunReport};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{done, run, run_options};
use crate::args::{Args, RunArgs};
use crate::environment::{self, Outside};
use crate::error::CliError;
use crate::output::{Output, talk, units};
use crate::project::{self, Loaded, Sound, Stop};

/// The longest pause after failures, unless looking is rarer.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A whole run is done this often though nothing is new: it publishes again what somebody removed from the output.
const WHOLE_RUN_EVERY: Duration = Duration::from_mins(10);

/// Runs the project wherever something is new, until a signal asks to stop.
pub(super) async fn follow(
    args: &Args,
    options: &RunArgs,
    every: Duration,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    refuse(options)?;
    let stop = Stop::on_signal(output);
    let mut loaded = match project::load(args, outside.clone(), Sound::ByStanding, &stop).await {
        Err(CliError::Engine(EngineError::Interrupted)) => return Ok(ended()),
        loaded => loaded?,
    };
    output.diagnostics(&loaded.context.project.texts, &loaded.warnings);
    run::make_sample(&loaded.context)?;
    talk(&format!("following: a look every {}; Ctrl-C or SIGTERM ends it", shown(every)));
    let mut talker = Talker { output, every, said: Vec::new(), failure: String::new(), failures: 0 };
    loop {
        let follower = Follower::new(&loaded.context, &loaded.compiled, run_options(options, outside.now));
        match Box::pin(look_and_run(follower, &stop.asked, &mut talker)).await? {
            Ended::Asked => break,
            Ended::Edited => match read_again(args, &outside, &stop, &mut talker).await? {
                Some(anew) => loaded = anew,
                None => break,
            },
        }
    }
    Ok(ended())
}

/// Says how it ended.
fn ended() -> ExitCode {
    talk("stopped; what was committed stands, and the next run goes on from there");
    done()
}

/// Why a follower of one reading of the project ended well.
enum Ended {
    /// A signal asked for it.
    Asked,
    /// The project's files changed.
    Edited,
}

/// Looks and runs until a signal asks to stop or the project's files change.
async fn look_and_run(mut follower: Follower<'_>, stop: &Notify, talker: &mut Talker<'_>) -> Result<Ended, CliError> {
    let mut whole_run_at = Instant::now();
    loop {
        let began = Instant::now();
        let mut wake = began + talker.every;
        match Box::pin(follower.turn(environment::now(), began >= whole_run_at)).await {
            Ok(None) => {}
            Ok(Some(report)) => {
                let pause = talker.ran(&report)?;
                whole_run_at = began + pause.unwrap_or(WHOLE_RUN_EVERY);
            }
            Err(EngineError::Interrupted) => return Ok(Ended::Asked),
            Err(EngineError::Edited) => return Ok(Ended::Edited),
            Err(
                error @ (EngineError::Data { .. }
                | EngineError::Query { .. }
                | EngineError::Store { .. }
                | EngineError::Conflict(_)),
            ) => wake = began + talker.failed(error.to_string(), error.into())?,
            // Neither the project nor the program changes by waiting.
            Err(error) => return Err(error.into()),
        }
        if asked(stop, wake).await {
            return Ok(Ended::Asked);
        }
    }
}

/// Reads a project that changed, an interval after that was noticed: whoever edits several files may still be at it. Mistakes are
/// said, and the files read once more later; `None` where a signal asks to stop meanwhile.
async fn read_again(
    args: &Args,
    outside: &Outside,
    stop: &Stop,
    talker: &mut Talker<'_>,
) -> Result<Option<Loaded>, CliError> {
    let mut wake = Instant::now() + talker.every;
    loop {
        if asked(&stop.asked, wake).await {
            return Ok(None);
        }
        match project::load(args, outside.clone(), Sound::ByStanding, stop).await {
            Err(CliError::Engine(EngineError::Interrupted)) => return Ok(None),
            Ok(anew) => {
                talker.output.diagnostics(&anew.context.project.texts, &anew.warnings);
                talk(&format!("{} the project's files changed: they were read again", time()));
                return Ok(Some(anew));
            }
            Err(error) => {
                let mistakes = match &error {
                    CliError::Invalid(_, list) => {
                        list.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; ")
                    }
                    _ => "the project's files cannot be read".to_owned(),
                };
                wake = Instant::now() + talker.failed(mistakes, error)?;
            }
        }
    }
}

/// Waits until then; whether a signal asks to stop before.
async fn asked(stop: &Notify, wake: Instant) -> bool {
    tokio::select! {
        () = stop.notified() => true,
        () = tokio::time::sleep_until(wake) => false,
    }
}

/// Options that mean something once only.
fn refuse(options: &RunArgs) -> Result<(), CliError> {
    let (option, why, help) = if options.full_refresh {
        ("--full-refresh", "every look would build everything anew", "run once with --full-refresh, then follow")
    } else if options.relocate {
        ("--relocate", "it is a decision about one move", "run once with --relocate, then follow")
    } else if options.as_of.is_some() {
        (
            "--as-of",
            "while following, the as-of is the newest event that was landed",
            "leave it out; or run again and again with --as-of now, from a scheduler",
        )
    } else {
        return Ok(());
    };
    Err(CliError::usage(format!("{option} cannot be used with --follow: {why}"), Some(help.to_owned())))
}

/// How long to wait after this many failures in a row: twice as long after each.
fn pause(every: Duration, failures: u32) -> Duration {
    let doubled = every.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(LONGEST_PAUSE.max(every))
}

/// Says what runs did, a failure once; and knows how long to wait after failures.
struct Talker<'a> {
    output: &'a Output,
    every: Duration,
    /// Warnings of the last run.
    said: Vec<String>,
    /// The last failure; empty where the last run had none.
    failure: String,
    /// How often it came in a row.
    failures: u32,
}

impl Talker<'_> {
    /// A run came to its end; returns when what it withheld is to be tried again.
    fn ran(&mut self, report: &RunReport) -> Result<Option<Duration>, CliError> {
        let changed = self.fails_with(failing(report));
        let unsaid: Vec<&String> = report.warnings.iter().filter(|warning| !self.said.contains(warning)).collect();
        if report.committed || report.objects_written > 0 || changed || !unsaid.is_empty() {
            self.output.event(|| json!(report), || line(report, &unsaid))?;
        }
        self.said.clone_from(&report.warnings);
        Ok(report.failed().then(|| pause(self.every, self.failures)))
    }

    /// A run failed, in short and in full; returns when the next one is due.
    fn failed(&mut self, failure: String, error: CliError) -> Result<Duration, CliError> {
        let changed = self.fails_with(failure);
        let pause = pause(self.every, self.failures);
        let again = format!("trying again in {}", shown(pause));
        if changed {
            self.output.error_event(&error)?;
            talk(&format!("{} {again}", time()));
        } else {
            talk(&format!("{} still: {}; {again}", time(), self.failure));
        }
        Ok(pause)
    }

    /// Takes note of a failure, or of none; whether it is another one than before. Numbers do not count: they tell how long
    /// an attempt took, or how many rows were bad.
    fn fails_with(&mut self, failure: String) -> bool {
        let words = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
        let changed = words(&failure) != words(&self.failure);
        self.failures = if failure.is_empty() {
            0
        } else if changed {
            1
        } else {
            self.failures.saturating_add(1)
        };
        self.failure = failure;
        changed
    }
}

/// What fails of a run that came to its end, in a few words.
fn failing(report: &RunReport) -> String {
    let withheld = report.models.iter().filter(|model| model.action == "withheld");
    withheld.map(|model| format!("{}: {}", model.name, model.why)).collect::<Vec<_>>().join("; ")
}

/// One line about a run, and one for each thing that a person should look at.
fn line(report: &RunReport, warnings: &[&String]) -> String {
    let sum =
        |count: fn(&cxmill_engine::Totals) -> u64| report.sources.iter().map(|source| count(&source.totals)).sum();
    let (files, read): (u64, u64) = (sum(|totals| totals.files), sum(|totals| totals.read));
    let (quarantined, duplicate): (u64, u64) = (sum(|totals| totals.quarantined), sum(|totals| totals.duplicate));
    let mut said = Vec::new();
    if files > 0 {
        said.push(format!("{}, {}", units::counted(count(files), "file"), units::counted(count(read), "row")));
    }
    if quarantined > 0 {
        said.push(format!("{} quarantined", units::count(quarantined)));
    }
    if duplicate > 0 {
        said.push(format!("{} duplicate", units::count(duplicate)));
    }
    let models = |action: &str| report.models.iter().filter(|model| model.action == action).count();
    for (action, shown) in
        [("built", "built"), ("retired", "retired"), ("removed", "removed"), ("withheld", "WITHHELD")]
    {
        if models(action) > 0 {
            said.push(format!("{} {shown}", units::counted(models(action), "model")));
        }
    }
    if report.objects_written > 0 {
        said.push(format!("{} published", units::counted(count(report.objects_written), "file")));
    }
    if said.is_empty() {
        said.push("nothing new".to_owned());
    }
    let mut text =
        format!("{} epoch {}: {}; {}\n", time(), report.epoch, said.join(", "), units::seconds(report.seconds));
    text.push_str(&run::damaged(report));
    if report.failed() {
        text.push_str(&run::checks(report));
    }
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for model in report.models.iter().filter(|model| model.error.is_some()) {
        let help = model.help.as_ref().map_or(String::new(), |help| format!("\nhelp: {help}"));
        text.push_str(&format!("withheld: {}: {}{help}\n", model.name, model.why));
    }
    text
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn time() -> String {
    environment::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A duration as it is written after `--every`.
fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let seconds = |every, failures| pause(Duration::from_secs(every), failures).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, u32::MAX].map(|n| seconds(30, n)), [30, 60, 120, 240, 300, 300, 300]);
        assert_eq!([1, 2, 3].map(|n| seconds(3_600, n)), [3_600, 3_600, 3_600], "never more often than asked");
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for (seconds, text) in [(30.0, "30s"), (300.0, "5m"), (7_200.0, "2h"), (0.25, "250ms"), (90.0, "90s")] {
            assert_eq!(shown(Duration::from_secs_f64(seconds)), text);
        }
    }
}
