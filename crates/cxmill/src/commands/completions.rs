//! `completions` and `man`: made from the command line's own definition.

use std::process::ExitCode;

use cxmill_spec::suggestion;

use super::done;
use crate::args::Args;
use crate::error::CliError;
use crate::output::data;

/// Prints completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::whole(), "cxmill", &mut text);
    data(&String::from_utf8_lossy(&text))?;
    Ok(done())
}

/// Prints the manual page, of one command where it is named.
pub(super) fn man(name: Option<&str>) -> Result<ExitCode, CliError> {
    let mut all = Args::whole();
    // This hands down the options that every command takes, and the name of the whole to those of the parts.
    all.build();
    let page = match name {
        None => all,
        Some(name) => {
            let known = || all.get_subcommands().map(clap::Command::get_name);
            let Some(command) = all.find_subcommand(name) else {
                return Err(CliError::usage(
                    format!("there is no command {name}"),
                    suggestion(name, known(), "commands"),
                ));
            };
            command.clone()
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| CliError::Io { what: "making the manual page".to_owned(), error })?;
    data(&String::from_utf8_lossy(&text))?;
    Ok(done())
}
