//! Delimited text after RFC 4180: quoted cells may hold delimiters, line ends and doubled quotes.
//!
//! - A record ends at a line feed outside quotes; a carriage return before it belongs to the line end. Blank lines are no
//!   records.
//! - A quote opens a quoted cell only as the cell's first byte; elsewhere it is text. Text after a closing quote is malformed.
//! - An empty cell is NULL, and so is one of `null_values`, quoted or not. A quoted empty cell is the empty string in a string
//!   column and NULL in others. Blanks around a cell count in string columns only.
//! - Without a delimiter, cells are separated by runs of blanks and tabs.
//! - `from` names a column of the header (exactly, blanks around it aside). Without a header it is a cell number from 1, or
//!   columns go by position.

use std::sync::Arc;

use cxmill_spec::{CsvOptions, Encoding, Source, UnknownFields};
use memchr::{memchr, memchr_iter};

use super::csv_cells::{CellFault, Cells, Dialect, RawCell};
use super::header::CsvHeader;
use super::rows::{Places, Refusal, RowSet};
use super::{Block, Decoded, MAX_RECORD, Reject, TextPlan};
use crate::contract::{Cell, Contract, shortened};
use crate::encoding::push_latin1;

/// Delimited text of one source.
#[derive(Debug)]
pub(crate) struct CsvPlan {
    dialect: Dialect,
    encoding: Encoding,
    header: bool,
    null_values: Vec<Box<[u8]>>,
    /// For each column, the name in the header.
    names: Vec<String>,
    reject_unknown: bool,
}

/// Which cell goes to which columns, for the records of one object.
struct Layout {
    /// For each cell, its columns.
    cells: Vec<Vec<usize>>,
    /// Whether a record may have more cells.
    open: bool,
    private_cells: PrivateCells,
    /// What is wrong with the object.
    fault: Option<(&'static str, Option<String>, String)>,
}

/// What to write where a header is one cell because its file has another delimiter.
fn other_delimiter(names: &[String]) -> String {
    let [only] = names else { return String::new() };
    let shown = |sign: &char| if *sign == '\t' { "\\t".to_owned() } else { sign.to_string() };
    let sign = [';', '\t', '|', ','].iter().find(|sign| only.contains(**sign)).map(shown);
    sign.map_or_else(String::new, |sign| format!(", one cell: is it `csv: {{delimiter: \"{sign}\"}}`?"))
}

impl CsvPlan {
    pub(crate) fn new(source: &Source, options: &CsvOptions) -> Self {
        Self {
            dialect: Dialect::new(options),
            encoding: options.encoding,
            header: options.header,
            null_values: options.null_values.iter().map(|text| text.as_bytes().into()).collect(),
            names: source.columns.iter().map(|column| column.from.join(".")).collect(),
            reject_unknown: source.unknown_fields == UnknownFields::Reject,
        }
    }

    fn layout(&self, contract: &Contract, header: Option<&CsvHeader>) -> Layout {
        let mut layout = Layout { cells: Vec::new(), open: false, private_cells: PrivateCells::default(), fault: None };
        if self.header {
            match header {
                Some(header) => self.by_name(contract, header, &mut layout),
                None => layout.fault = Some(("header", None, "the object has no header".to_owned())),
            }
        } else {
            self.by_number(&mut layout);
        }
        for (i, columns) in layout.cells.iter().enumerate() {
            if columns.iter().any(|column| contract.columns.get(*column).is_some_and(|plan| plan.private)) {
                layout.private_cells.cells.push(i);
            }
        }
        layout
    }

    fn by_name(&self, contract: &Contract, header: &CsvHeader, layout: &mut Layout) {
        layout.cells = vec![Vec::new(); header.names.len()];
        for (i, (name, plan)) in self.names.iter().zip(&contract.columns).enumerate() {
            let mut found = header.names.iter().enumerate().filter(|(_, known)| *known == name);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => {
                    let message = format!("the header names \"{name}\" twice");
                    layout.fault.get_or_insert(("header", Some(plan.name.clone()), message));
                }
                (Some((cell, _)), None) => {
                    if let Some(columns) = layout.cells.get_mut(cell) {
                        columns.push(i);
                    }
                }
                (None, _) if plan.required => {
                    let message = format!(
                        "the header lacks \"{name}\"; it names {}{}",
                        shortened(header.names.join(", ").as_bytes()),
                        other_delimiter(&header.names)
                    );
                    layout.fault.get_or_insert(("header", Some(plan.name.clone()), message));
                }
                (None, _) => {}
            }
        }
        if self.reject_unknown
            && let Some((name, _)) = header.names.iter().zip(&layout.cells).find(|(_, columns)| columns.is_empty())
        {
            let message = format!("no column is declared for \"{}\" of the header", shortened(name.as_bytes()));
            layout.fault.get_or_insert(("unknown_fields", None, message));
        }
    }

    fn by_number(&self, layout: &mut Layout) {
        for (i, name) in self.names.iter().enumerate() {
            let number = name.parse::<usize>().ok().filter(|number| *number > 0);
            // Where cells are picked by number, a record may have others as well.
            layout.open |= number.is_some() && !self.reject_unknown;
            let cell = number.map_or(i, |number| number - 1);
            if layout.cells.len() <= cell {
                layout.cells.resize(cell + 1, Vec::new());
            }
            if let Some(columns) = layout.cells.get_mut(cell) {
                columns.push(i);
            }
        }
    }

    pub(crate) fn check_header(&self, contract: &Contract, header: &CsvHeader) -> Option<Reject> {
        if !self.header {
            return None;
        }
        let (rule, column, message) = self.layout(contract, Some(header)).fault?;
        Some(Reject { line: header.line, offset: 0, rule, column, message, raw: None })
    }

    /// Byte ranges of private cells in a record (with quotes), with the text that is hashed for each; `None` where the record
    /// is malformed. NULL is left as it is.
    pub(crate) fn private_values(
        &self,
        record: &[u8],
        private_cells: &PrivateCells,
    ) -> Option<Vec<(std::ops::Range<usize>, Vec<u8>)>> {
        let mut cells = Cells::new(record, self.dialect);
        cells.skip_blank_lines();
        let mut found = Vec::new();
        let mut index = 0;
        loop {
            let cell = cells.next_cell();
            if cell.fault.is_some() {
                return None;
            }
            if private_cells.cells.contains(&index) && cell.start < cell.end {
                let (mut text, quotes) = (Vec::new(), usize::from(cell.quoted));
                cells.push_text(&cell, &mut text);
                if self.encoding == Encoding::Latin1 {
                    let latin1 = std::mem::take(&mut text);
                    push_latin1(&latin1, &mut text);
                }
                found.push((cell.start - quotes..cell.end + quotes, text));
            }
            index += 1;
            if cell.last {
                break;
            }
        }
        // With another number of cells than declared, nobody knows which ones are private.
        (private_cells.fits(index) && cells.at_end()).then_some(found)
    }

    /// Bytes of a record as text.
    pub(crate) fn text(&self, record: &[u8]) -> String {
        match self.encoding {
            Encoding::Utf8 => String::from_utf8_lossy(record).into_owned(),
            Encoding::Latin1 => record.iter().map(|byte| char::from(*byte)).collect(),
        }
    }
}

/// Which cells of a record are private.
#[derive(Debug, Clone, Default)]
pub(crate) struct PrivateCells {
    /// Their positions.
    pub(crate) cells: Vec<usize>,
    /// Cells that a whole record has, where that is fixed.
    pub(crate) expected: Option<usize>,
}

impl PrivateCells {
    /// Whether a record of so many cells is laid out as declared, so that the private ones are known.
    fn fits(&self, count: usize) -> bool {
        self.cells.is_empty()
            || match self.expected {
                Some(expected) => count == expected,
                None => self.cells.iter().all(|cell| *cell < count),
            }
    }
}

/// Decodes a block of records.
pub(crate) fn decode(plan: &CsvPlan, text: &Arc<TextPlan>, block: &Block, header: Option<&CsvHeader>) -> Decoded {
    let bytes: &[u8] = &block.bytes;
    let layout = plan.layout(&text.contract, header);
    let first = memchr(b'\n', bytes).unwrap_or(bytes.len()).max(8);
    let room = bytes.len() / first + bytes.len() / first / 8 + 1;
    let mut private_cells = layout.private_cells.clone();
    private_cells.expected = (!layout.open).then_some(layout.cells.len());
    let mut places = Places::new(text, block, private_cells, room);
    let values =
        Values { plan, contract: &text.contract, rows: RowSet::new(&text.contract, room), scratch: Vec::new() };
    let valid = plan.encoding == Encoding::Latin1 || std::str::from_utf8(bytes).is_ok();
    let mut reader = Reader { layout, values, valid, as_written: plan.encoding == Encoding::Utf8 || bytes.is_ascii() };
    let mut cells = Cells::new(bytes, plan.dialect);
    let mut line = block.first_line;
    loop {
        line += cells.skip_blank_lines();
        if cells.at_end() {
            break;
        }
        let start = cells.at;
        let (lines, read) = reader.record(&mut cells);
        let record = bytes.get(start..cells.at).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        match read {
            Ok(()) => places.accept(line, start, record.len()),
            Err(refusal) => places.reject(line, start, record, refusal),
        }
        line += lines;
    }
    places.finish(reader.values.rows.finish())
}

/// Number of line ends in a quoted cell, which hardly ever has one.
#[inline]
fn line_ends(cell: &[u8]) -> u64 {
    memchr(b'\n', cell).map_or(0, |first| memchr_iter(b'\n', cell.get(first..).unwrap_or_default()).count() as u64)
}

struct Reader<'a> {
    layout: Layout,
    values: Values<'a>,
    /// The whole block is valid text.
    valid: bool,
    /// Its bytes are those of the text that they stand for, doubled quotes aside.
    as_written: bool,
}

/// Where the values of cells go.
struct Values<'a> {
    plan: &'a CsvPlan,
    contract: &'a Contract,
    rows: RowSet<'a>,
    scratch: Vec<u8>,
}

impl Reader<'_> {
    /// Reads one record; also gives the number of lines it takes.
    #[inline]
    fn record(&mut self, cells: &mut Cells<'_>) -> (u64, Result<(), Refusal>) {
        let start = cells.at;
        let (mut lines, mut index) = (1, 0);
        loop {
            let plain = if self.as_written { cells.next_plain() } else { None };
            let last = match plain {
                Some((text, last)) => {
                    let columns = self.layout.cells.get(index).map_or(&[][..], Vec::as_slice);
                    columns.iter().for_each(|column| self.values.put_text(*column, text, false));
                    last
                }
                None => {
                    let cell = cells.next_cell();
                    lines += self.cell(cells, &cell, index);
                    cell.last
                }
            };
            index += 1;
            if last {
                break;
            }
        }
        let expected = self.layout.cells.len();
        if index < expected || index > expected && !self.layout.open {
            let more = if self.layout.open { "at least " } else { "" };
            self.values.rows.fault_row("malformed", format!("expected {more}{expected} cells, found {index}"));
        }
        if let Some(refusal) = self.object_fault(cells.slice(start, cells.at)) {
            drop(self.values.rows.take_back());
            return (lines, Err(refusal));
        }
        (lines, self.values.rows.end_row())
    }

    /// Takes any cell; gives the number of line ends in it.
    #[inline(never)]
    fn cell(&mut self, cells: &Cells<'_>, cell: &RawCell, index: usize) -> u64 {
        let text = cells.slice(cell.start, cell.end);
        if let Some(fault) = cell.fault {
            self.cell_fault(fault, index);
        }
        if let Some(columns) = self.layout.cells.get(index) {
            if self.as_written && !cell.doubled {
                columns.iter().for_each(|column| self.values.put_text(*column, text, cell.quoted));
            } else {
                self.values.put_rewritten(columns, cells, cell);
            }
        }
        if cell.quoted { line_ends(text) } else { 0 }
    }

    #[cold]
    fn cell_fault(&mut self, fault: CellFault, index: usize) {
        let number = index + 1;
        match fault {
            CellFault::Unclosed => {
                self.values
                    .rows
                    .fault_row("truncated", format!("the quote of cell {number} is not closed before the object ends"));
            }
            CellFault::AfterQuote => {
                self.values.rows.fault_row("malformed", format!("text follows the closing quote of cell {number}"));
            }
        }
    }

    /// What is wrong with a record whatever its cells hold.
    #[inline]
    fn object_fault(&self, record: &[u8]) -> Option<Refusal> {
        if record.len() > MAX_RECORD {
            let message = format!("the record is longer than {} MiB", MAX_RECORD >> 20);
            return Some(Refusal { rule: "too_long", column: None, message });
        }
        if !self.valid
            && let Err(error) = std::str::from_utf8(record)
        {
            let message = format!("byte {} of the record is not UTF-8", error.valid_up_to() + 1);
            return Some(Refusal { rule: "encoding", column: None, message });
        }
        let (rule, column, message) = self.layout.fault.as_ref()?;
        Some(Refusal { rule, column: column.clone(), message: message.clone() })
    }
}

impl Values<'_> {
    /// Gives a cell to its columns whose text is not what is written.
    #[inline(never)]
    fn put_rewritten(&mut self, columns: &[usize], cells: &Cells<'_>, cell: &RawCell) {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        cells.push_text(cell, &mut text);
        if self.plan.encoding == Encoding::Latin1 {
            let latin1 = std::mem::take(&mut text);
            push_latin1(&latin1, &mut text);
        }
        columns.iter().for_each(|column| self.put_text(*column, &text, cell.quoted));
        self.scratch = text;
    }

    #[inline]
    fn put_text(&mut self, column: usize, text: &[u8], quoted: bool) {
        let string = self.contract.columns.get(column).is_some_and(|plan| plan.is_string());
        let kept = if string { text } else { text.trim_ascii() };
        let empty = kept.is_empty() && !(string && quoted);
        let cell = if empty || self.is_null(kept) { Cell::Null } else { Cell::Text(kept) };
        self.rows.put(column, cell);
    }

    #[inline]
    fn is_null(&self, text: &[u8]) -> bool {
        !self.plan.null_values.is_empty() && self.plan.null_values.iter().any(|null| **null == *text.trim_ascii())
    }
}
