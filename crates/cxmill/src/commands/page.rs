//! Where a command that makes a page writes it.

use std::path::{Path, PathBuf};

use super::replace_file;
use crate::args::{Args, Format};
use crate::error::CliError;
use crate::output::{Output, data};

/// A page that is to be written: to a file, or to stdout.
pub(super) struct Page {
    /// The file; none for stdout.
    path: Option<PathBuf>,
}

impl Page {
    /// To the file that was asked for, where `-` is stdout, written as `dash`; to one of this name in the project's folder where none was.
    pub(super) fn new(
        asked: Option<&Path>,
        dash: &str,
        name: &str,
        args: &Args,
        output: &Output,
    ) -> Result<Self, CliError> {
        let to_stdout = asked == Some(Path::new("-"));
        if to_stdout && output.format == Format::Json {
            let message = format!("{dash} writes the page to stdout, where --format json has its document");
            return Err(CliError::usage(message, Some("take out --format json, or name a file".to_owned())));
        }
        let path = asked.map_or_else(|| args.project.join(name), Path::to_path_buf);
        Ok(Self { path: (!to_stdout).then_some(path) })
    }

    /// Writes it whole or not at all. Gives the file as people know it, where it is one.
    pub(super) fn write(&self, html: &str) -> Result<Option<String>, CliError> {
        let Some(path) = &self.path else {
            data(html)?;
            return Ok(None);
        };
        replace_file(path, html.as_bytes())?;
        Ok(Some(path.strip_prefix(".").unwrap_or(path).display().to_string()))
    }
}
