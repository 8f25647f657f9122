//! `docs`: the documentation of the project as one HTML page.

use std::process::ExitCode;

use cxmill_engine::DocsPage;
use serde_json::json;

use super::done;
use super::page::Page;
use crate::args::{Args, Docs};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Writes the page, and says where.
pub(super) async fn docs(args: &Args, options: &Docs, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let page = Page::new(options.file.as_deref(), "docs -", "docs.html", args, output)?;
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    output.diagnostics(&loaded.context.project.texts, &loaded.warnings);
    let docs = cxmill_engine::docs_page(&loaded.context, &loaded.compiled, &options.title).await?;
    if let Some(path) = page.write(&docs.html)? {
        output.result(|| document(&docs, &path), || human(&docs, &path))?;
    }
    Ok(done())
}

fn document(docs: &DocsPage, path: &str) -> serde_json::Value {
    json!({
        "written": path,
        "bytes": docs.html.len(),
        "sources": docs.sources,
        "models": docs.models,
        "epoch": docs.epoch,
        "as_of": docs.as_of,
    })
}

fn human(docs: &DocsPage, path: &str) -> String {
    let (sources, models) = (units::counted(docs.sources, "source"), units::counted(docs.models, "model"));
    let stands = match (docs.epoch, &docs.as_of) {
        (0, _) => "nothing is published yet".to_owned(),
        (epoch, None) => format!("epoch {epoch}"),
        (epoch, Some(as_of)) => format!("epoch {epoch}, as of {as_of}"),
    };
    format!("wrote {path}: {sources}, {models}, {}; {stands}\n", units::bytes(docs.html.len() as u64))
}
