//! The texts a project is made of, and places in them.

use std::sync::Arc;

/// A text of a [`Texts`] collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub usize);

/// A byte range of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text it lies in.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From the start of this span to the end of a later one.
    pub(crate) fn to(self, later: Self) -> Self {
        Self { end: self.end.max(later.end), ..self }
    }
}

/// A place as people write it: both numbers start at 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line number, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One text with the path it is shown under (relative to the project's folder).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Path as shown to people.
    pub path: String,
    /// The whole text.
    pub content: Arc<str>,
}

/// All texts of a project: settings, pipeline files and SQL files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    texts: Vec<Text>,
}

impl Texts {
    /// Adds a text and returns its id.
    pub fn add(&mut self, path: impl Into<String>, content: impl Into<Arc<str>>) -> FileId {
        self.texts.push(Text { path: path.into(), content: content.into() });
        FileId(self.texts.len() - 1)
    }

    /// The text with this id, if there is one.
    #[must_use]
    pub fn get(&self, file: FileId) -> Option<&Text> {
        self.texts.get(file.0)
    }

    /// The text shown under this path, with its id.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(FileId, &Text)> {
        self.iter().find(|(_, text)| text.path == path)
    }

    /// All texts with their ids, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Text)> {
        self.texts.iter().enumerate().map(|(i, text)| (FileId(i), text))
    }

    /// Line and column of a byte of a text (clamped to its end).
    #[must_use]
    pub fn position(&self, file: FileId, byte: usize) -> Position {
        let content = self.get(file).map_or("", |text| &text.content);
        let before = content.get(..byte.min(content.len())).unwrap_or(content);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    /// A place as people write it: `pipelines/nps.yaml:3:5`.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let Position { line, column } = self.position(span.file, span.start);
        format!("{}:{line}:{column}", self.get(span.file).map_or("?", |text| &text.path))
    }

    /// Blanks out a secret, so that no message can show it; all other places stay where they are.
    pub(crate) fn redact(&mut self, span: Span) {
        let Some(text) = self.texts.get_mut(span.file.0) else { return };
        let (Some(before), Some(secret), Some(after)) =
            (text.content.get(..span.start), text.content.get(span.start..span.end), text.content.get(span.end..))
        else {
            return;
        };
        let blank: String = secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
        text.content = format!("{before}{blank}{after}").into();
    }
}
