//! `report`: the figures of the project as one HTML page.

use std::process::ExitCode;

use cxmill_engine::ReportPage;
use serde_json::json;

use super::done;
use super::page::Page;
use crate::args::{Args, Report};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Writes the page, and says where.
pub(super) async fn report(
    args: &Args,
    options: &Report,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let page = Page::new(options.output.as_deref(), "--output -", "report.html", args, output)?;
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    let report = cxmill_engine::report_page(&loaded.context, &loaded.compiled, &options.title).await?;
    if let Some(path) = page.write(&report.html)? {
        output.result(|| document(&report, &path), || human(&report, &path))?;
    }
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
