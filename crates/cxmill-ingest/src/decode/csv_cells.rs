//! Cells of delimited text, found one after the other.
//!
//! The splitter and the decoder share these rules, so a block ends where the decoder sees a record end.

use cxmill_spec::CsvOptions;
use memchr::memchr;

use super::lanes::{self, STEP};

/// Bytes that are searched for ends of cells at a time.
const WINDOW: usize = 64;

/// How records are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Option<u8>,
    pub(crate) quote: u8,
}

impl Dialect {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        Self { delimiter: options.delimiter, quote: options.quote }
    }

    /// Whether the byte after this one begins a cell (outside quotes).
    #[inline]
    pub(crate) fn begins_cell(self, byte: u8) -> bool {
        byte == b'\n'
            || match self.delimiter {
                Some(delimiter) => byte == delimiter,
                None => byte == b' ' || byte == b'\t',
            }
    }
}

/// One cell of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawCell {
    /// Range of its text, without quotes.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    /// A doubled quote stands in it.
    pub(super) doubled: bool,
    /// It ends its record.
    pub(crate) last: bool,
    pub(super) fault: Option<CellFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellFault {
    /// The object ends before its closing quote.
    Unclosed,
    /// Text follows its closing quote.
    AfterQuote,
}

/// Reads cells one after the other.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    bytes: &'a [u8],
    pub(crate) at: usize,
    dialect: Dialect,
    /// Where the window begins that was searched last, and which of its bytes end a cell or a record.
    window: usize,
    ends: u64,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(bytes: &'a [u8], dialect: Dialect) -> Self {
        let mut cells = Self { bytes, at: 0, dialect, window: 0, ends: 0 };
        cells.search(0);
        cells
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Consumes lines that hold nothing, and gives their number. Without a delimiter, blanks are nothing, and those before a
    /// record are consumed as well.
    #[inline]
    pub(crate) fn skip_blank_lines(&mut self) -> u64 {
        let mut lines = 0;
        loop {
            if self.dialect.delimiter.is_none() {
                self.skip_blanks();
            }
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'\r') if matches!(self.bytes.get(self.at + 1), Some(b'\n') | None) => {
                    self.at = (self.at + 2).min(self.bytes.len());
                }
                _ => return lines,
            }
            lines += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Consumes the next cell of the record and what separates it from the next one.
    pub(crate) fn next_cell(&mut self) -> RawCell {
        if self.peek() == Some(self.dialect.quote) { self.quoted() } else { self.plain() }
    }

    /// [`Self::next_cell`] for most of them: those before a delimiter and without quotes. Gives what is written, and whether
    /// the record ends with it.
    #[inline]
    pub(crate) fn next_plain(&mut self) -> Option<(&'a [u8], bool)> {
        if self.dialect.delimiter.is_none() || self.peek() == Some(self.dialect.quote) {
            return None;
        }
        let start = self.at;
        let end = self.plain_end();
        let last = self.bytes.get(end).is_none_or(|byte| *byte == b'\n');
        self.at = (end + 1).min(self.bytes.len());
        let text = self.slice(start, end);
        Some((if last { text.strip_suffix(b"\r").unwrap_or(text) } else { text }, last))
    }

    fn plain(&mut self) -> RawCell {
        let start = self.at;
        let end = self.plain_end();
        let mut cell = RawCell { start, end, quoted: false, doubled: false, last: false, fault: None };
        self.at = end;
        cell.last = self.separator();
        if cell.last && self.slice(start, end).last() == Some(&b'\r') {
            cell.end -= 1;
        }
        cell
    }

    /// End of a cell without quotes that begins here.
    #[inline]
    fn plain_end(&mut self) -> usize {
        let mut from = self.at;
        loop {
            let passed = from - self.window;
            if passed < WINDOW {
                let ends = self.ends >> passed;
                if ends != 0 {
                    return from + ends.trailing_zeros() as usize;
                }
                from = self.window + WINDOW;
            }
            if from >= self.bytes.len() {
                return self.bytes.len();
            }
            self.search(from);
        }
    }

    /// Moves the window.
    #[inline]
    fn search(&mut self, from: usize) {
        let rest = self.bytes.get(from..).unwrap_or_default();
        self.window = from;
        self.ends = match rest.first_chunk::<WINDOW>() {
            Some(window) => ends_in(window, self.dialect),
            None => {
                let mut window = [0; WINDOW];
                window[..rest.len()].copy_from_slice(rest);
                ends_in(&window, self.dialect) & ((1 << rest.len()) - 1)
            }
        };
    }

    fn quoted(&mut self) -> RawCell {
        let start = self.at + 1;
        let mut cell = RawCell { start, end: start, quoted: true, doubled: false, last: false, fault: None };
        self.at = start;
        loop {
            match self.bytes.get(self.at..).and_then(|rest| memchr(self.dialect.quote, rest)) {
                None => {
                    self.at = self.bytes.len();
                    return RawCell { end: self.at, last: true, fault: Some(CellFault::Unclosed), ..cell };
                }
                Some(i) => self.at += i + 1,
            }
            if self.peek() != Some(self.dialect.quote) {
                break;
            }
            cell.doubled = true;
            self.at += 1;
        }
        cell.end = self.at - 1;
        let end = self.plain_end();
        let after = self.slice(self.at, end);
        self.at = end;
        cell.last = self.separator();
        if !(after.is_empty() || cell.last && after == b"\r") {
            cell.fault = Some(CellFault::AfterQuote);
        }
        cell
    }

    /// Consumes what follows a cell; true where the record ends.
    #[inline]
    fn separator(&mut self) -> bool {
        if self.dialect.delimiter.is_none() {
            self.skip_blanks();
            // Blanks at the end of a line end no cell.
            if self.peek() == Some(b'\r') && matches!(self.bytes.get(self.at + 1), Some(b'\n') | None) {
                self.at += 1;
            }
        }
        match self.peek() {
            Some(b'\n') => {
                self.at += 1;
                true
            }
            None => true,
            Some(_) => {
                if self.dialect.delimiter.is_some() {
                    self.at += 1;
                    // A delimiter may be the last byte of the object: then an empty cell follows.
                }
                false
            }
        }
    }

    /// Appends the text of a cell, doubled quotes made one.
    pub(crate) fn push_text(&self, cell: &RawCell, out: &mut Vec<u8>) {
        let mut text = self.slice(cell.start, cell.end);
        if cell.doubled {
            while let Some(i) = memchr(self.dialect.quote, text) {
                out.extend_from_slice(text.get(..=i).unwrap_or_default());
                text = text.get(i + 2..).unwrap_or_default();
            }
        }
        out.extend_from_slice(text);
    }
}

/// Which bytes of a window end a cell or a record.
#[inline]
fn ends_in(window: &[u8; WINDOW], dialect: Dialect) -> u64 {
    let (chunks, _) = window.as_chunks::<STEP>();
    chunks.iter().rev().fold(0, |ends, chunk| {
        let found = match dialect.delimiter {
            Some(delimiter) => lanes::any_of(chunk, [delimiter, b'\n']),
            None => lanes::any_of(chunk, [b' ', b'\t', b'\n']),
        };
        ends << STEP | u64::from(found)
    })
}
