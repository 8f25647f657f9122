//! cxmill: raw customer events in, NPS, churn and lifetime-value tables out.
//!
//! This crate is the only one that prints, exits or reads the environment. `args` is what was typed, `project` turns it
//! and the files of the project's folder into what is meant, `commands` has one file a command, and `output` shows results.

mod args;
mod commands;
mod environment;
mod error;
mod exit_code;
mod files;
mod output;
mod project;

use std::process::ExitCode;

use crate::args::Args;
use crate::output::Output;

/// It gives back to the system what models and landed batches no longer need, so that `memory_limit` holds over a long run.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::typed();
    let environment = environment::read();
    output::logging(environment.log.as_deref(), environment.colour);
    let output = Output::new(args.format, environment.colour);
    match commands::dispatch(&args, environment, &output) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            error.exit_code()
        }
    }
}
