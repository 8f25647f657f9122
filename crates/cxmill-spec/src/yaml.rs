//! YAML text as a tree in which every key and value knows its place.
//!
//! Deserializing into typed structs stops at the first mistake; a tree lets the reader go on and report all of them. The
//! tree is built through serde from `serde_yaml::Spanned`, so that scanning, quoting, aliases and limits are the library's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use crate::diagnostic::Diagnostic;
use crate::text::{FileId, Span};

/// One value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it is written. Empty for a value that is left out (`key:` with nothing after it).
    pub(crate) span: Span,
    /// What is written.
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// Text, a number, or true or false.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in order, repeated keys included.
    Map(Vec<Entry>),
}

/// A scalar: what YAML takes it for, and its text.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// What YAML takes it for.
    pub(crate) kind: Kind,
    /// The content of text; anything else as it is written (`1.50` stays `1.50`).
    pub(crate) text: String,
}

/// What YAML takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text,
    Boolean(bool),
    Int(i64),
    Double(f64),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key is written.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) node: Node,
}

impl Node {
    /// The entries of a map; of anything else none.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The first entry of this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of this key, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null())
    }

    /// The elements of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar of any kind.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// True or false, if it is that.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.scalar()?.kind {
            Kind::Boolean(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What it is, for messages, as in "found a list".
    pub(crate) fn what(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar(scalar) => {
                let kind = match scalar.kind {
                    Kind::Text => "text",
                    Kind::Boolean(_) => "boolean",
                    Kind::Int(_) | Kind::Double(_) => "number",
                };
                format!("{kind} `{}`", shorten(&scalar.text))
            }
        }
    }
}

/// At most 60 characters of the first line, for messages.
pub(crate) fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 || line.len() < text.trim_end().len() {
        format!("{}…", line.chars().take(60).collect::<String>())
    } else {
        line.to_owned()
    }
}

/// The deepest nesting that is read. Nothing in a project goes to a third of it, and each level takes stack: twice as
/// many overflow the two megabytes of a thread in a build that is not optimised.
const MAX_DEPTH: usize = 32;

/// Parses one file. A mistake in the YAML itself is one diagnostic: what follows it cannot be read.
pub(crate) fn parse(file: FileId, text: &str) -> Result<Node, Diagnostic> {
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_yaml::options::MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        non_finite_float_policy: serde_yaml::options::NonFiniteFloatPolicy::PassThrough,
        budget: serde_yaml::budget! { max_depth: MAX_DEPTH },
        // Aliases repeat a few values; what repeats itself without end is refused before it takes time.
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 20_000 },
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Tree>(text, options) {
        Ok(tree) => Ok(Source { file, text }.node(tree)),
        Err(error) => Err(syntax_error(file, text, &error)),
    }
}

fn syntax_error(file: FileId, text: &str, error: &serde_yaml::Error) -> Diagnostic {
    let span = error.location().map_or(Span { file, start: 0, end: 0 }, |location| {
        let start = byte_of(text, location.line(), location.column());
        let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
        Span { file, start, end }
    });
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    // The library puts the place at either end of its message; the span says it already.
    let message = message.trim_start_matches("error: ");
    let message = match message.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest,
        _ => message.split(" at line ").next().unwrap_or(message),
    };
    if message.starts_with("multiple YAML documents") {
        return Diagnostic::error("yaml", span, "a file holds one document").with_help("take `---` out");
    }
    if message.starts_with("budget breached: Depth") || message.starts_with("recursion limit") {
        return Diagnostic::error("yaml", span, "nested too deeply")
            .with_help(format!("{MAX_DEPTH} levels are the most"));
    }
    if message.starts_with("budget breached") {
        return Diagnostic::error("yaml", span, "too long for one file").with_help("split it into several files");
    }
    let mut diagnostic = Diagnostic::error("yaml", span, format!("not valid YAML: {message}"));
    if message.contains("string scalar") {
        diagnostic = diagnostic.with_help("a key is plain text");
    } else if message.contains("tab") {
        diagnostic = diagnostic.with_help("indent with spaces");
    }
    diagnostic
}

/// Byte of a line and a column in characters, both from 1.
fn byte_of(text: &str, line: u64, column: u64) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(column).unwrap_or(1).max(1) - 1;
    let Some(start) = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).nth(line) else {
        return text.len();
    };
    let rest = text.get(start..).unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte)
}

/// A text that a tree was made from.
struct Source<'a> {
    file: FileId,
    text: &'a str,
}

impl Source<'_> {
    fn node(&self, Tree(tree): Tree) -> Node {
        let mut span = self.span(&tree.referenced);
        let value = match tree.value {
            Branch::Null => Value::Null,
            Branch::Boolean(value) => self.written(Kind::Boolean(value), &tree.defined),
            Branch::Int(value) => self.written(Kind::Int(value), &tree.defined),
            Branch::Double(value) => self.written(Kind::Double(value), &tree.defined),
            Branch::Text(text) => Value::Scalar(Scalar { kind: Kind::Text, text }),
            Branch::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Branch::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, tree)| Entry {
                        key_span: self.span(&key.referenced),
                        key: key.value,
                        node: self.node(tree),
                    })
                    .collect(),
            ),
        };
        // The library gives a collection the place where it opens; people look at all of it.
        let last = match &value {
            Value::List(items) => items.last().map(|item| item.span.end),
            Value::Map(entries) => entries.last().map(|entry| entry.node.span.end.max(entry.key_span.end)),
            _ => None,
        };
        span.end = span.end.max(last.unwrap_or(0));
        Node { span, value }
    }

    fn written(&self, kind: Kind, at: &Location) -> Value {
        let span = self.span(at);
        Value::Scalar(Scalar { kind, text: self.text.get(span.start..span.end).unwrap_or_default().to_owned() })
    }

    fn span(&self, location: &Location) -> Span {
        let bytes = location.span();
        let range = bytes.byte_offset().zip(bytes.byte_len());
        let (start, len) = range.map_or((0, 0), |(start, len)| {
            (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(len).unwrap_or(0))
        });
        let start = start.min(self.text.len());
        let end = start.saturating_add(len).min(self.text.len());
        // A block scalar's range reaches over the line breaks and the indentation that follow it.
        let trimmed = self.text.get(start..end).map_or(0, |text| text.trim_end().len());
        Span { file: self.file, start, end: start + trimmed }
    }
}

/// What serde hands over: a tree before its texts are looked up.
struct Tree(Spanned<Branch>);

enum Branch {
    Null,
    Boolean(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(Spanned<String>, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Tree)
    }
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BranchVisitor)
    }
}

struct BranchVisitor;

impl<'de> Visitor<'de> for BranchVisitor {
    type Value = Branch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Branch, E> {
        Ok(Branch::Null)
    }

    fn visit_none<E>(self) -> Result<Branch, E> {
        Ok(Branch::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Branch, E> {
        Ok(Branch::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Branch, E> {
        Ok(Branch::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Branch, E> {
        #[expect(clippy::cast_precision_loss, reason = "such a number is only ever compared by its text")]
        Ok(i64::try_from(value).map_or(Branch::Double(value as f64), Branch::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Branch, E> {
        Ok(Branch::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Branch, E> {
        Ok(Branch::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Branch, E> {
        Ok(Branch::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Branch, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Branch::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Branch, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key()? {
            entries.push((key, access.next_value()?));
        }
        Ok(Branch::Map(entries))
    }
}
