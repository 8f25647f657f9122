//! `report`: the figures of the project as one HTML page.

use std::path::Path;
use std::process::ExitCode;

use cxmill_engine::ReportPage;
use serde_json::json;

use super::{done, replace_file};
use crate::args::{Args, Format, Report};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::{Output, data, units};
use crate::project;

/// Writes the page, and says where.
pub(super) async fn report(
    args: &Args,
    options: &Report,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let to_stdout = options.output.as_deref() == Some(Path::new("-"));
    if to_stdout && output.format == Format::Json {
        let help = "take out --format json, or name a file with --output".to_owned();
        return Err(CliError::usage(
            "--output - writes the page to stdout, where --format json has its document",
            Some(help),
        ));
    }
    let loaded = project::load(args, outside).await?;
    let page = cxmill_engine::report_page(&loaded.context, &loaded.compiled, &options.title).await?;
    if to_stdout {
        data(&page.html)?;
        return Ok(done());
    }
    let path = options.output.clone().unwrap_or_else(|| args.project.join("report.html"));
    replace_file(&path, page.html.as_bytes())?;
    let shown = path.strip_prefix(".").unwrap_or(&path).display().to_string();
    output.result(|| document(&page, &shown), || human(&page, &shown))?;
    Ok(done())
}

fn document(page: &ReportPage, path: &str) -> serde_json::Value {
    json!({
        "written": path,
        "bytes": page.html.len(),
        "figures": page.figures,
        "empty": page.empty,
        "epoch": page.epoch,
        "as_of": page.as_of,
    })
}

fn human(page: &ReportPage, path: &str) -> String {
    let (figures, bytes) = (units::counted(page.figures, "figure"), units::bytes(page.html.len() as u64));
    let as_of = page.as_of.as_ref().map_or(String::new(), |as_of| format!(", as of {as_of}"));
    let mut text = format!("wrote {path}: {figures}, {bytes}; epoch {}{as_of}\n", page.epoch);
    for title in &page.empty {
        text.push_str(&format!("no rows yet: {title}\n"));
    }
    text
}
