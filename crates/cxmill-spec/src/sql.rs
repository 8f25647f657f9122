//! SQL texts and the place of each of their lines.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::Sql;
use crate::names::nearest;
use crate::text::{FileId, Texts};
use crate::yaml::{Entry, Node};

/// The SQL written as the value of a key, with exact places. Refuses the notations that lose them.
pub(crate) fn inline(entry: &Entry, texts: &Texts) -> Result<Sql, Diagnostic> {
    let Node { span, .. } = entry.node;
    let text = entry.node.text().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Diagnostic::error("empty-sql", entry.key_span, format!("`{}` is empty", entry.key))
            .with_help("write one SELECT after `|`"));
    }
    let file = texts.get(span.file).map_or("", |text| &text.content);
    let refuse = |how: &str| {
        Diagnostic::error("sql-notation", span, format!("SQL {how}"))
            .with_help(format!("write it after `{}: |`, so that messages can point into it", entry.key))
    };
    let line_offsets = match notation(file.get(entry.key_span.end..span.start).unwrap_or_default()) {
        Some('|') => match block_offsets(file, span.start, text) {
            Some(offsets) => offsets,
            None => return Err(refuse("has lines that end in a carriage return alone")),
        },
        Some('>') => return Err(refuse("is written in a folded block (`>`)")),
        _ => {
            let written = file.get(span.start..span.end).unwrap_or_default();
            if written.starts_with('*') {
                return Err(refuse("is written as an alias"));
            }
            let quoted = written.starts_with(['"', '\'']);
            let content = if quoted { written.get(1..written.len() - 1).unwrap_or_default() } else { written };
            if content != text || text.contains('\n') {
                return Err(refuse(if quoted {
                    "is written in quotes with escapes or over several lines"
                } else {
                    "is written over several lines without `|`"
                }));
            }
            vec![span.start + usize::from(quoted)]
        }
    };
    Ok(Sql { text: Arc::from(text), file: span.file, line_offsets })
}

/// The sign of a block scalar in what stands between a key and the text of its value: `|` or `>`.
fn notation(between: &str) -> Option<char> {
    between
        .trim_start()
        .trim_start_matches(':')
        .split_whitespace()
        .find(|word| !word.starts_with(['&', '!']))
        .and_then(|word| word.chars().next())
        .filter(|c| matches!(c, '|' | '>'))
}

/// Where each line of a literal block stands. `first` is any byte of its first line that is not blank.
///
/// A literal block keeps its lines one to one and takes only the indentation from each, so that a line of the text is the
/// end of its line in the file. `None` where the file breaks lines in a way that this does not hold.
fn block_offsets(file: &str, first: usize, text: &str) -> Option<Vec<usize>> {
    let blank = text.split('\n').take_while(|line| line.trim().is_empty()).count();
    let mut start = file.get(..first).unwrap_or_default().rfind('\n').map_or(0, |at| at + 1);
    // Blank lines before it belong to the text.
    for _ in 0..blank {
        start = file.get(..start.saturating_sub(1)).unwrap_or_default().rfind('\n').map_or(0, |at| at + 1);
    }
    let mut offsets = Vec::new();
    for line in text.lines() {
        let rest = file.get(start..).unwrap_or_default();
        let written = rest.split('\n').next().unwrap_or_default();
        let content = written.strip_suffix('\r').unwrap_or(written);
        offsets.push(start + content.strip_suffix(line)?.len());
        start = (start + written.len() + 1).min(file.len());
    }
    Some(offsets)
}

/// The SQL of a file named in a pipeline file, by its path from there.
pub(crate) fn from_file(node: &Node, texts: &Texts) -> Result<Sql, Diagnostic> {
    let wanted = node.text().unwrap_or_default();
    let pipeline = texts.get(node.span.file).map_or("", |text| &text.path);
    let path = join(pipeline, wanted);
    let Some((file, text)) = texts.find(&path) else {
        let known = texts.iter().map(|(_, text)| text.path.as_str()).filter(|path| path.ends_with(".sql"));
        let help = match nearest(&path, known) {
            Some(near) => format!("did you mean the file `{near}`? the path starts at the folder of this file"),
            None => "the path starts at the folder of this file and ends in `.sql`".to_owned(),
        };
        return Err(Diagnostic::error("missing-file", node.span, format!("there is no file `{path}`")).with_help(help));
    };
    let content = text.content.strip_prefix('\u{feff}').unwrap_or(&text.content);
    let skipped = text.content.len() - content.len();
    if content.trim().is_empty() {
        return Err(Diagnostic::error("empty-sql", node.span, format!("the file `{path}` is empty"))
            .with_help("write one SELECT into it"));
    }
    Ok(whole_file(file, content, skipped))
}

/// A whole file as SQL. Lines end in LF in the text, whatever they end in in the file.
fn whole_file(file: FileId, content: &str, skipped: usize) -> Sql {
    let mut at = skipped;
    let mut line_offsets = Vec::new();
    for line in content.split_inclusive('\n') {
        line_offsets.push(at);
        at += line.len();
    }
    Sql { text: Arc::from(content.replace("\r\n", "\n")), file, line_offsets }
}

/// A path from the folder of a file, without `.` and `..`. Both are as shown to people: relative, with `/`.
fn join(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
