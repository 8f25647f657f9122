//! Diagnostics with the text they point at.

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};
use cxmill_spec::{Diagnostic, Level, Texts};
use serde_json::{Value, json};

/// All diagnostics for people, errors first, each in the order of its place; a last line counts them.
pub(super) fn human(texts: &Texts, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut sorted: Vec<_> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.level, diagnostic.span));
    let mut shown = String::new();
    for diagnostic in &sorted {
        shown.push_str(&one(texts, diagnostic, &renderer));
        shown.push_str("\n\n");
    }
    let count = |level| sorted.iter().filter(|diagnostic| diagnostic.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    let counted = |n: usize, word: &str| (n > 0).then(|| super::units::counted(n, word));
    let counts: Vec<_> = [counted(errors, "error"), counted(warnings, "warning")].into_iter().flatten().collect();
    shown.push_str(&counts.join(", "));
    shown
}

fn one(texts: &Texts, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    if let Some((span, text)) = diagnostic.span.and_then(|span| texts.get(span.file).map(|text| (span, text))) {
        let (start, end) = visible(&text.content, span.start, span.end);
        let snippet = Snippet::source(&*text.content).path(text.path.as_str());
        group = group.element(snippet.annotation(AnnotationKind::Primary.span(start..end)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Title::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// A span that can be drawn: inside the text, on character boundaries, ending on the line it starts on.
fn visible(content: &str, start: usize, end: usize) -> (usize, usize) {
    let mut start = start.min(content.len());
    while !content.is_char_boundary(start) {
        start -= 1;
    }
    let rest = content.get(start..).unwrap_or_default();
    let line_end = start + rest.find('\n').unwrap_or(rest.len());
    let mut end = end.clamp(start, line_end.max(start));
    while !content.is_char_boundary(end) {
        end += 1;
    }
    (start, end)
}

/// All diagnostics as data.
pub(super) fn json(texts: &Texts, diagnostics: &[Diagnostic]) -> Value {
    let all = diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.span.and_then(|span| {
            let text = texts.get(span.file)?;
            let (start, end) = (texts.position(span.file, span.start), texts.position(span.file, span.end));
            Some(json!({
                "file": text.path, "line": start.line, "column": start.column,
                "end_line": end.line, "end_column": end.column,
            }))
        });
        json!({
            "code": diagnostic.code,
            "level": match diagnostic.level { Level::Error => "error", Level::Warning => "warning" },
            "message": diagnostic.message,
            "help": diagnostic.help,
            "place": place,
        })
    });
    Value::Array(all.collect())
}
