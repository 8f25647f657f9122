//! `sample`: a synthetic raw bucket with known truth.

use std::path::Path;
use std::process::ExitCode;

use cxmill_sample::{Options, SampleError, generate};
use serde_json::json;

use super::{done, empty_folder, write_file};
use crate::args::Sample;
use crate::error::CliError;
use crate::output::{Output, units};

/// Writes a sample to a folder.
pub(super) fn sample(options: &Sample, output: &Output) -> Result<ExitCode, CliError> {
    empty_folder(&options.dir)?;
    let written = write(
        &options.dir,
        &Options {
            customers: options.customers,
            days: options.days,
            seed: options.seed,
            late: options.late,
            bad: options.bad,
            duplicates: options.duplicates,
        },
    )?;
    output.result(
        || json!({"folder": options.dir, "files": written.files, "bytes": written.bytes}),
        || {
            format!(
                "{} files, {} in {}; what is true of them stands in _truth.json",
                units::count(written.files),
                units::bytes(written.bytes),
                options.dir.display()
            )
        },
    )?;
    Ok(done())
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Files.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// Writes a sample below `dir`: into a folder beside it first, which takes the name at the end, so that a sample that was
/// cut short is never taken for a whole one.
pub(super) fn write(dir: &Path, options: &Options) -> Result<Written, CliError> {
    let mut name = dir.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = dir.with_file_name(name);
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(CliError::io("removing", &partial))?;
    }
    let mut written = Written::default();
    let mut failed = None;
    let made = generate(options, &mut |object| {
        written.files += 1;
        written.bytes += object.content.len() as u64;
        write_file(&partial, &object.name, &object.content).map_err(|error| {
            let said = SampleError(format!("{error:?}"));
            failed = Some(error);
            said
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    made.map_err(|error| CliError::usage(error.to_string(), None))?;
    if dir.exists() {
        std::fs::remove_dir(dir).map_err(CliError::io("replacing", dir))?;
    }
    std::fs::rename(&partial, dir).map_err(CliError::io("naming", dir))?;
    Ok(written)
}
