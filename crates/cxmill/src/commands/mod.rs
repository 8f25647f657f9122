//! One file a command.

mod completions;
mod docs;
mod doctor;
mod follow;
mod functions;
mod gc;
mod init;
mod page;
mod plan;
mod quarantine;
mod report;
mod run;
mod sample;
mod schema;
mod show;
mod status;
mod test;
mod validate;

use std::process::ExitCode;
use std::time::Duration;

use crate::args::{Args, AsOf, Command, RunArgs};
use crate::environment::Outside;
use crate::error::CliError;
use crate::exit_code;
use crate::output::Output;

/// Runs the command that was typed.
pub(crate) fn dispatch(args: &Args, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        Command::Init { dir } => init::init(dir, output),
        Command::Sample(options) => sample::sample(options, output),
        Command::Functions { name: _, markdown: true } => functions::markdown(),
        Command::Functions { name, markdown: false } => functions::functions(name.as_deref(), output),
        Command::Schema { kind } => schema::schema(*kind),
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man { command } => completions::man(command.as_deref()),
        Command::Validate
        | Command::Plan(_)
        | Command::Run { .. }
        | Command::Gc { .. }
        | Command::Show { .. }
        | Command::Report(_)
        | Command::Docs(_)
        | Command::Status
        | Command::Test { .. }
        | Command::Quarantine { .. }
        | Command::Doctor => {
            let runtime = runtime()?;
            let outcome = runtime.block_on(over_project(args, outside, output));
            // What hangs on a disk that does not answer cannot be waited for.
            runtime.shutdown_timeout(Duration::from_secs(2));
            outcome
        }
    }
}

/// Commands that need a project.
async fn over_project(args: &Args, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        Command::Plan(options) => plan::plan(args, options, outside, output).await,
        Command::Run { options, follow } if follow.follow => {
            follow::follow(args, options, follow.every, outside, output).await
        }
        Command::Run { options, .. } => run::run(args, options, outside, output).await,
        Command::Gc { dry_run } => gc::gc(args, *dry_run, outside, output).await,
        Command::Show { model, limit, filter } => {
            show::show(args, model, filter.as_deref(), *limit, outside, output).await
        }
        Command::Report(options) => report::report(args, options, outside, output).await,
        Command::Docs(options) => docs::docs(args, options, outside, output).await,
        Command::Test { filter } => test::test(args, filter.as_deref(), outside, output).await,
        Command::Status => status::status(args, outside, output).await,
        Command::Quarantine { command } => quarantine::quarantine(args, command, outside, output).await,
        Command::Doctor => doctor::doctor(args, outside, output).await,
        _ => validate::validate(args, outside, output).await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Deep plans are walked by recursion.
        .thread_stack_size(8 << 20)
        .build()
        .map_err(|error| CliError::Io { what: "starting worker threads".to_owned(), error })
}

/// Exit code 0.
fn done() -> ExitCode {
    ExitCode::from(exit_code::DONE)
}

/// Options of `plan` and `run` as the engine takes them.
fn run_options(options: &RunArgs, now: chrono::DateTime<chrono::Utc>) -> cxmill_engine::RunOptions {
    cxmill_engine::RunOptions {
        select: options.select.clone(),
        as_of: options.as_of.map(|as_of| match as_of {
            AsOf::Now => now,
            AsOf::At(time) => time,
        }),
        full_refresh: options.full_refresh,
        relocate: options.relocate,
        rebuild_batches: options.rebuild_batches,
    }
}

/// A folder that may be written to: absent or empty.
fn empty_folder(dir: &std::path::Path) -> Result<(), CliError> {
    let taken = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(CliError::io("reading", dir)(error)),
    };
    if taken {
        return Err(CliError::usage(format!("{} is not empty", dir.display()), Some("name a new folder".to_owned())));
    }
    Ok(())
}

/// Writes a file below a folder, making the folders between.
fn write_file(dir: &std::path::Path, name: &str, content: &[u8]) -> Result<(), CliError> {
    let path = dir.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(CliError::io("making", parent))?;
    }
    std::fs::write(&path, content).map_err(CliError::io("writing", &path))
}

/// Writes a file so that whoever opens it finds the old one or the whole new one.
fn replace_file(path: &std::path::Path, content: &[u8]) -> Result<(), CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.is_empty() || path.is_dir() {
        let message = format!("{} is no name of a file", path.display());
        return Err(CliError::usage(message, Some("name a file".to_owned())));
    }
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, path)).map_err(|error| {
        // What is left of it is of no use, and may not be there at all.
        drop(std::fs::remove_file(&beside));
        CliError::io("writing", path)(error)
    })
}
