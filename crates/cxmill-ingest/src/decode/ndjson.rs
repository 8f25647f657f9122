//! NDJSON: one object a line.
//!
//! Fields usually come in the same order on every line, so each object keeps the field names it saw last, with quotes, colon
//! and blanks: one comparison of bytes then finds the field and where its value begins, for declared fields and for those
//! that are skipped.

use std::sync::Arc;

use cxmill_spec::{Source, UnknownFields};
use memchr::memchr;

use super::json::{Malformed, Scanner, Text};
use super::rows::{Places, Refusal, RowSet};
use super::{Block, Decoded, MAX_RECORD, TextPlan};
use crate::contract::{Cell, shortened};

/// The declared fields of a source as a tree of names.
#[derive(Debug)]
pub(crate) struct NdjsonPlan {
    /// Node 0 is the record itself.
    nodes: Vec<Node>,
    reject_unknown: bool,
}

/// One declared field, or an object on the way to one.
#[derive(Debug, Default)]
struct Node {
    /// Path from the record, for messages.
    path: String,
    children: Vec<(Box<[u8]>, usize)>,
    /// Columns that take their value here.
    columns: Vec<usize>,
    /// The first column here or below.
    first_column: usize,
    private: bool,
}

impl Node {
    fn child(&self, name: &[u8]) -> Option<usize> {
        self.children.iter().find(|(known, _)| **known == *name).map(|(_, node)| *node)
    }
}

impl NdjsonPlan {
    pub(crate) fn new(source: &Source) -> Self {
        let mut nodes = vec![Node::default()];
        for (i, column) in source.columns.iter().enumerate() {
            let mut here = 0;
            for name in &column.from {
                here = Self::child(&mut nodes, here, name, i);
            }
            if let Some(node) = nodes.get_mut(here) {
                node.columns.push(i);
                node.private |= column.private;
            }
        }
        Self { nodes, reject_unknown: source.unknown_fields == UnknownFields::Reject }
    }

    fn child(nodes: &mut Vec<Node>, parent: usize, name: &str, column: usize) -> usize {
        let next = nodes.len();
        let Some(node) = nodes.get_mut(parent) else { return parent };
        if let Some(known) = node.child(name.as_bytes()) {
            return known;
        }
        node.children.push((name.as_bytes().into(), next));
        let path = if node.path.is_empty() { name.to_owned() } else { format!("{}.{name}", node.path) };
        nodes.push(Node { path, first_column: column, ..Node::default() });
        next
    }

    /// Byte ranges of private values in a line, with the text that is hashed for each; `None` where the line is malformed.
    pub(crate) fn private_values(&self, line: &[u8]) -> Option<Vec<(std::ops::Range<usize>, Vec<u8>)>> {
        let mut found = Vec::new();
        let mut scanner = Scanner::new(line);
        scanner.blanks();
        self.private_fields(0, &mut scanner, 0, &mut found).ok()?;
        scanner.end().ok()?;
        Some(found)
    }

    /// Whether something below a node is private: a value that stands in its place may be what should be hidden.
    fn hides(&self, node: usize) -> bool {
        let Some(node) = self.nodes.get(node) else { return false };
        node.children
            .iter()
            .any(|(_, child)| self.nodes.get(*child).is_some_and(|node| node.private) || self.hides(*child))
    }

    fn private_fields(
        &self,
        node: usize,
        scanner: &mut Scanner<'_>,
        depth: usize,
        found: &mut Vec<(std::ops::Range<usize>, Vec<u8>)>,
    ) -> Result<(), Malformed> {
        let mut more = scanner.open_object(depth)?;
        while more {
            let name = scanner.string()?;
            scanner.colon()?;
            let child = self.nodes.get(node).and_then(|node| node.child(&text_of(scanner, name)));
            let start = scanner.at;
            match child.and_then(|child| Some((child, self.nodes.get(child)?))) {
                Some((child, known))
                    if !known.private && scanner.peek() == Some(b'{') && !known.children.is_empty() =>
                {
                    self.private_fields(child, scanner, depth + 1, found)?;
                }
                Some((child, known)) if (known.private || self.hides(child)) && scanner.peek() != Some(b'n') => {
                    let value = if scanner.peek() == Some(b'"') {
                        let text = scanner.string()?;
                        text_of(scanner, text)
                    } else {
                        scanner.skip(depth + 1)?;
                        scanner.slice(start, scanner.at).to_vec()
                    };
                    found.push((start..scanner.at, value));
                }
                _ => scanner.skip(depth + 1)?,
            }
            more = scanner.next_field()?;
        }
        Ok(())
    }
}

fn text_of(scanner: &Scanner<'_>, text: Text) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.end - text.start);
    scanner.unescape(text, &mut out);
    out
}

/// Decodes a block of lines.
pub(crate) fn decode(plan: &NdjsonPlan, text: &Arc<TextPlan>, block: &Block) -> Decoded {
    let bytes: &[u8] = &block.bytes;
    let first = memchr(b'\n', bytes).unwrap_or(bytes.len()).max(16);
    let room = bytes.len() / first + bytes.len() / first / 8 + 1;
    let mut places = Places::new(text, block, super::csv::PrivateCells::default(), room);
    let mut reader = Reader {
        plan,
        rows: RowSet::new(&text.contract, room),
        shapes: plan.nodes.iter().map(|_| Shape::default()).collect(),
        seen: vec![0; plan.nodes.len()],
        record: 0,
        scratch: Vec::new(),
    };
    let valid = std::str::from_utf8(bytes).is_ok();
    let (mut start, mut number) = (0, block.first_line);
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Nearly every line begins with a brace; the others may be blank.
        if line.first() == Some(&b'{') || !line.trim_ascii().is_empty() {
            match reader.line(line, valid) {
                Ok(()) => places.accept(number, start, line.len()),
                Err(refusal) => places.reject(number, start, line, refusal),
            }
        }
        start += length + 1;
        number += 1;
    }
    places.finish(reader.rows.finish())
}

struct Reader<'a> {
    plan: &'a NdjsonPlan,
    rows: RowSet<'a>,
    /// One for each node.
    shapes: Vec<Shape>,
    /// For each node, the last record that had it.
    seen: Vec<u64>,
    record: u64,
    scratch: Vec<u8>,
}

/// The fields that an object had so far, in order.
#[derive(Default)]
struct Shape {
    fields: Vec<Field>,
}

/// A field as it is written, from the opening quote of its name up to its value, and the node it leads to.
struct Field {
    written: Box<[u8]>,
    /// The first of its bytes, and which bits of as many bytes they are.
    head: u128,
    mask: u128,
    node: Option<usize>,
}

impl Field {
    fn new(written: &[u8], node: Option<usize>) -> Self {
        let mut head = [0; HEAD];
        let mut mask = [0; HEAD];
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(written) {
            (*head, *mask) = (*byte, u8::MAX);
        }
        Self { written: written.into(), head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask), node }
    }

    /// Whether a line goes on with this field. Names are short: most are compared as one number.
    #[inline]
    fn begins(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<HEAD>() {
            Some(chunk) if self.written.len() <= HEAD => u128::from_le_bytes(*chunk) & self.mask == self.head,
            _ => rest.starts_with(&self.written),
        }
    }
}

/// Bytes of a field's name that are compared at once.
const HEAD: usize = 16;

/// Objects with more different fields than this are looked up by name.
const SHAPE_LIMIT: usize = 128;

impl Reader<'_> {
    #[inline]
    fn line(&mut self, line: &[u8], valid: bool) -> Result<(), Refusal> {
        if line.len() > MAX_RECORD {
            return Err(refusal("too_long", format!("the line is longer than {} MiB", MAX_RECORD >> 20)));
        }
        if !valid && let Err(error) = std::str::from_utf8(line) {
            let at = error.valid_up_to();
            return Err(refusal("encoding", format!("byte {} of the line is not UTF-8", at + 1)));
        }
        self.record += 1;
        let mut scanner = Scanner::new(line);
        scanner.blanks();
        let read = match scanner.peek() {
            Some(b'{') => self.object(0, &mut scanner, 0).and_then(|()| scanner.end()),
            _ => Err(Malformed { at: scanner.at, what: "expected an object" }),
        };
        match read {
            Ok(()) => self.rows.end_row(),
            Err(malformed) => {
                drop(self.rows.take_back());
                let before = String::from_utf8_lossy(line.get(..malformed.at).unwrap_or(line));
                let column = before.chars().count() + 1;
                Err(refusal("malformed", format!("{} (column {column} of the line)", malformed.what)))
            }
        }
    }

    fn object(&mut self, node: usize, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Malformed> {
        let mut more = scanner.open_object(depth)?;
        let mut cursor = 0;
        while more {
            match self.field(node, scanner, &mut cursor)? {
                Some(child) => self.value(child, scanner, depth)?,
                None => scanner.skip(depth + 1)?,
            }
            more = scanner.next_field()?;
        }
        Ok(())
    }

    /// Consumes a field's name up to its value and gives its node, where it is declared.
    #[inline]
    fn field(
        &mut self,
        node: usize,
        scanner: &mut Scanner<'_>,
        cursor: &mut usize,
    ) -> Result<Option<usize>, Malformed> {
        let rest = scanner.bytes.get(scanner.at..).unwrap_or_default();
        if let Some(shape) = self.shapes.get(node) {
            // One field further as well: an optional one may be missing.
            for ahead in 0..2 {
                if let Some(field) = shape.fields.get(*cursor + ahead)
                    && field.begins(rest)
                {
                    scanner.at += field.written.len();
                    // Lines may differ in the blanks before a value.
                    scanner.blanks();
                    *cursor += ahead + 1;
                    return Ok(field.node);
                }
            }
        }
        self.new_field(node, scanner, cursor)
    }

    /// The slow path of [`Self::field`]: reads the name, looks it up and remembers it.
    #[cold]
    fn new_field(
        &mut self,
        node: usize,
        scanner: &mut Scanner<'_>,
        cursor: &mut usize,
    ) -> Result<Option<usize>, Malformed> {
        let start = scanner.at;
        let name = scanner.string()?;
        scanner.colon()?;
        let unescaped;
        let name = if name.escaped {
            unescaped = text_of(scanner, name);
            &*unescaped
        } else {
            scanner.slice(name.start, name.end)
        };
        let child = self.plan.nodes.get(node).and_then(|node| node.child(name));
        if child.is_none() && node == 0 && self.plan.reject_unknown {
            self.rows
                .fault_row("unknown_fields", format!("no column is declared for the field \"{}\"", shortened(name)));
            return Ok(None);
        }
        let written = scanner.slice(start, scanner.at);
        if let Some(shape) = self.shapes.get_mut(node) {
            if let Some(at) = shape.fields.iter().position(|field| *field.written == *written) {
                *cursor = at + 1;
            } else if shape.fields.len() < SHAPE_LIMIT {
                let at = (*cursor).min(shape.fields.len());
                shape.fields.insert(at, Field::new(written, child));
                *cursor = at + 1;
            }
        }
        Ok(child)
    }

    /// Reads the value of a declared field.
    #[inline]
    fn value(&mut self, node: usize, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Malformed> {
        let plan = self.plan;
        let Some(known) = plan.nodes.get(node) else { return scanner.skip(depth + 1) };
        if let Some(seen) = self.seen.get_mut(node) {
            if *seen == self.record {
                self.rows.fault_row("malformed", format!("the field \"{}\" is there twice", known.path));
                return scanner.skip(depth + 1);
            }
            *seen = self.record;
        }
        let start = scanner.at;
        match scanner.peek() {
            Some(b'"') => {
                let text = scanner.string()?;
                if text.escaped {
                    let mut scratch = std::mem::take(&mut self.scratch);
                    scratch.clear();
                    scanner.unescape(text, &mut scratch);
                    self.put(known, Cell::Text(&scratch));
                    self.scratch = scratch;
                } else {
                    self.put(known, Cell::Text(scanner.slice(text.start, text.end)));
                }
            }
            Some(b'{') => {
                if known.children.is_empty() {
                    scanner.skip(depth + 1)?;
                } else {
                    self.object(node, scanner, depth + 1)?;
                }
                for &column in &known.columns {
                    self.rows.put(column, Cell::Other("an object"));
                }
            }
            Some(b'[') => {
                scanner.skip(depth + 1)?;
                self.put(known, Cell::Other("a list"));
            }
            Some(b't') => {
                scanner.word(b"true")?;
                self.put(known, Cell::Boolean(true));
            }
            Some(b'f') => {
                scanner.word(b"false")?;
                self.put(known, Cell::Boolean(false));
            }
            Some(b'n') => {
                scanner.word(b"null")?;
                for &column in &known.columns {
                    self.rows.put(column, Cell::Null);
                }
            }
            _ => {
                let number = scanner.number()?;
                debug_assert!(scanner.at > start, "a number has a digit");
                self.put(known, Cell::Number(number));
            }
        }
        Ok(())
    }

    /// Gives a value to the columns of a field. Where fields are declared below it, it should have been an object.
    #[inline]
    fn put(&mut self, known: &Node, cell: Cell<'_>) {
        for &column in &known.columns {
            self.rows.put(column, cell);
        }
        if !known.children.is_empty() {
            self.rows.not_an_object(known.first_column, &known.path);
        }
    }
}

#[cold]
fn refusal(rule: &'static str, message: String) -> Refusal {
    Refusal { rule, column: None, message }
}
