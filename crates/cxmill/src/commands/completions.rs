//! `completions` and `man`: made from the command line's own definition.

use std::process::ExitCode;

use clap::CommandFactory;

use super::done;
use crate::args::Args;
use crate::error::CliError;
use crate::output::data;

/// Prints completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "cxmill", &mut text);
    data(&String::from_utf8_lossy(&text))?;
    Ok(done())
}

/// Prints the manual page.
pub(super) fn man() -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Args::command())
        .render(&mut text)
        .map_err(|error| CliError::Io { what: "making the manual page".to_owned(), error })?;
    data(&String::from_utf8_lossy(&text))?;
    Ok(done())
}
