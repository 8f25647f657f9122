//! A stream of bytes, cut into blocks of whole records.
//!
//! The splitter is the only sequential part of decoding, so it touches as little as it can: for NDJSON the one line end after
//! each block's target size; for CSV also the quotes, because only they tell whether a line end ends a record. A quote opens
//! a quoted cell only at the beginning of a cell, exactly as the decoder reads it.

use bytes::Bytes;
use cxmill_spec::{CsvOptions, Encoding, Format};
use memchr::{memchr, memchr_iter};

use super::csv_cells::{Cells, Dialect};
use super::header::CsvHeader;
use super::{Block, MAX_RECORD};
use crate::encoding::push_latin1;

/// A block ends at the first record end after this many bytes, unless [`Splitter::with_target`] says otherwise.
const TARGET: usize = 1 << 20;

/// Cuts the decompressed bytes of one object into blocks. Memory is bounded by the size of a block and the longest record.
#[derive(Debug)]
pub struct Splitter {
    /// Bytes of the block in progress that earlier chunks brought.
    pending: Vec<u8>,
    line: u64,
    offset: u64,
    quotes: Option<Quotes>,
    /// Set while the header is still to come.
    wants_header: Option<Encoding>,
    header: Option<CsvHeader>,
    /// The first bytes, until it is known whether they are a byte order mark.
    start: Start,
    /// Inside a record that is too long to keep, whose first part went out as a block.
    skipping: bool,
    /// Size at which a block ends with the next record.
    target: usize,
}

#[derive(Debug)]
enum Start {
    Fresh(Vec<u8>),
    Passed,
}

/// Where in a record of delimited text the splitter is.
#[derive(Debug)]
struct Quotes {
    dialect: Dialect,
    inside: bool,
    /// The last byte was a quote inside a quoted cell: the next one tells whether it closed the cell.
    undecided: bool,
    /// The next byte begins a cell.
    at_start: bool,
}

impl Splitter {
    /// A splitter for one object.
    #[must_use]
    pub fn new(format: &Format) -> Self {
        let options: Option<&CsvOptions> = match format {
            Format::Csv(options) => Some(options),
            _ => None,
        };
        let encoding = options.map_or(Encoding::Utf8, |options| options.encoding);
        Self {
            pending: Vec::new(),
            line: 1,
            offset: 0,
            quotes: options.map(|options| Quotes {
                dialect: Dialect::new(options),
                inside: false,
                undecided: false,
                at_start: true,
            }),
            wants_header: options.filter(|options| options.header).map(|options| options.encoding),
            header: None,
            start: if encoding == Encoding::Utf8 { Start::Fresh(Vec::new()) } else { Start::Passed },
            skipping: false,
            target: TARGET,
        }
    }

    /// The same with blocks of about `bytes` bytes.
    #[must_use]
    pub fn with_target(mut self, bytes: usize) -> Self {
        self.target = bytes;
        self
    }

    /// The header, once the block that it stood before was given out.
    #[must_use]
    pub fn header(&self) -> Option<&CsvHeader> {
        self.header.as_ref()
    }

    /// Takes the next chunk and gives out the blocks it completes.
    #[must_use]
    pub fn push(&mut self, chunk: Bytes) -> Vec<Block> {
        let Start::Fresh(held) = &mut self.start else { return self.cut(chunk) };
        if held.is_empty() && chunk.len() >= 3 {
            self.start = Start::Passed;
            return self.cut_first(chunk);
        }
        held.extend_from_slice(&chunk);
        if held.len() < 3 {
            return Vec::new();
        }
        let first = Bytes::from(std::mem::take(held));
        self.start = Start::Passed;
        self.cut_first(first)
    }

    /// Gives out what is left at the end of the object.
    #[must_use]
    pub fn finish(&mut self) -> Option<Block> {
        if let Start::Fresh(held) = &mut self.start {
            self.pending = std::mem::take(held);
            self.start = Start::Passed;
        }
        let rest = Bytes::from(std::mem::take(&mut self.pending));
        if self.skipping {
            return None;
        }
        self.block(rest)
    }

    fn cut_first(&mut self, chunk: Bytes) -> Vec<Block> {
        if chunk.starts_with(b"\xEF\xBB\xBF") {
            self.offset += 3;
            return self.cut(chunk.slice(3..));
        }
        self.cut(chunk)
    }

    fn cut(&mut self, chunk: Bytes) -> Vec<Block> {
        let mut blocks = Vec::new();
        let (mut begin, mut at) = (0, 0);
        while at < chunk.len() {
            let bytes: &[u8] = &chunk;
            let free_end = match &mut self.quotes {
                None => chunk.len(),
                Some(quotes) => {
                    at = quotes.leave(bytes, at);
                    if at >= chunk.len() {
                        break;
                    }
                    quotes.enter(bytes, at)
                }
            };
            // Line ends in `at..free_end` end records.
            loop {
                let size = self.pending.len() + at.saturating_sub(begin);
                let from = if self.skipping { at } else { at + self.target.saturating_sub(size) };
                let Some(end) = chunk.get(from..free_end).and_then(|free| memchr(b'\n', free)).map(|i| from + i + 1)
                else {
                    break;
                };
                let part = chunk.slice(begin..end);
                if self.skipping {
                    self.pass(&part);
                    self.skipping = false;
                } else {
                    let whole = if self.pending.is_empty() {
                        part
                    } else {
                        self.pending.extend_from_slice(&part);
                        Bytes::from(std::mem::take(&mut self.pending))
                    };
                    blocks.extend(self.block(whole));
                }
                (begin, at) = (end, end);
            }
            at = free_end;
        }
        let rest = chunk.slice(begin.min(chunk.len())..);
        if self.skipping {
            self.pass(&rest);
            return blocks;
        }
        self.pending.extend_from_slice(&rest);
        if self.pending.len() > MAX_RECORD + self.target {
            // No record ended since the target, so the last one is longer than allowed: its first part goes out, so that the
            // decoder rejects it, and the rest is passed over.
            let part = Bytes::from(std::mem::take(&mut self.pending));
            blocks.extend(self.block(part));
            self.skipping = true;
        }
        blocks
    }

    /// Counts bytes that are not given out.
    fn pass(&mut self, bytes: &[u8]) {
        self.line += memchr_iter(b'\n', bytes).count() as u64;
        self.offset += bytes.len() as u64;
    }

    fn block(&mut self, mut bytes: Bytes) -> Option<Block> {
        if let Some(encoding) = self.wants_header {
            let length = self.take_header(&bytes, encoding);
            self.pass(bytes.get(..length).unwrap_or_default());
            bytes = bytes.slice(length.min(bytes.len())..);
        }
        if bytes.is_empty() {
            return None;
        }
        let block = Block { bytes, first_line: self.line, offset: self.offset };
        self.pass(&block.bytes);
        Some(block)
    }

    /// Reads the first record that is not blank as the header, and gives the number of bytes up to its end.
    fn take_header(&mut self, bytes: &[u8], encoding: Encoding) -> usize {
        let Some(quotes) = &self.quotes else { return 0 };
        let mut cells = Cells::new(bytes, quotes.dialect);
        cells.skip_blank_lines();
        if cells.at_end() {
            return bytes.len();
        }
        let line = self.line + memchr_iter(b'\n', bytes.get(..cells.at).unwrap_or_default()).count() as u64;
        let mut names = Vec::new();
        loop {
            let cell = cells.next_cell();
            let mut text = Vec::new();
            cells.push_text(&cell, &mut text);
            if encoding == Encoding::Latin1 {
                let latin1 = std::mem::take(&mut text);
                push_latin1(&latin1, &mut text);
            }
            names.push(String::from_utf8_lossy(&text).trim().to_owned());
            if cell.last {
                break;
            }
        }
        self.header = Some(CsvHeader { names, line });
        self.wants_header = None;
        cells.at
    }
}

impl Quotes {
    /// Where the quoted cell that the stream is in ends, from `at` on: the first byte outside it.
    fn leave(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while self.inside {
            if self.undecided {
                self.undecided = false;
                if bytes.get(at) == Some(&self.dialect.quote) {
                    at += 1;
                } else {
                    self.inside = false;
                    break;
                }
            }
            match bytes.get(at..).and_then(|rest| memchr(self.dialect.quote, rest)) {
                None => return bytes.len(),
                Some(i) => {
                    at += i + 1;
                    self.undecided = true;
                    if at >= bytes.len() {
                        return bytes.len();
                    }
                }
            }
        }
        at
    }

    /// Where the next quoted cell begins, from `at` (outside quotes) on: one past its opening quote, or the end.
    fn enter(&mut self, bytes: &[u8], at: usize) -> usize {
        let mut from = at;
        loop {
            let Some(found) = bytes.get(from..).and_then(|rest| memchr(self.dialect.quote, rest)).map(|i| from + i)
            else {
                if let Some(last) = bytes.get(at..).and_then(|rest| rest.last()) {
                    self.at_start = self.dialect.begins_cell(*last);
                }
                return bytes.len();
            };
            let begins = match found.checked_sub(1).filter(|before| *before >= at).and_then(|before| bytes.get(before))
            {
                Some(before) => self.dialect.begins_cell(*before),
                None => self.at_start,
            };
            self.at_start = false;
            if begins {
                self.inside = true;
                return found + 1;
            }
            from = found + 1;
        }
    }
}
