//! Rows as comma-separated text with a header.

use crate::calendar::Calendar;
use crate::damage::{Damage, spoil};
use crate::sink::{self, Id, Sink, TimeFormat};

/// Collects records; the header is written along with the first of them.
#[derive(Debug)]
pub(crate) struct CsvSink<'a> {
    calendar: &'a Calendar,
    time_format: TimeFormat,
    damage: Option<&'static Damage>,
    header: Vec<&'static str>,
    header_done: bool,
    out: Vec<u8>,
    row: usize,
    /// Where the third cell of the row starts.
    third: usize,
    cells: usize,
}

impl<'a> CsvSink<'a> {
    pub(crate) fn new(calendar: &'a Calendar, time_format: TimeFormat) -> Self {
        Self {
            calendar,
            time_format,
            damage: None,
            header: Vec::new(),
            header_done: false,
            out: Vec::new(),
            row: 0,
            third: 0,
            cells: 0,
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut content = self.header.join(",").into_bytes();
        content.push(b'\n');
        content.extend_from_slice(&self.out);
        content
    }

    fn cell(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>, &Calendar)) {
        if !self.header_done {
            self.header.push(name);
        }
        if self.cells == 2 {
            self.third = self.out.len();
        }
        if self.cells > 0 {
            self.out.push(b',');
        }
        self.cells += 1;
        match self.damage.and_then(|damage| damage.replaces(name)) {
            None => write(&mut self.out, self.calendar),
            Some(Some(raw)) => self.out.extend_from_slice(raw.as_bytes()),
            Some(None) => {}
        }
    }
}

impl Sink for CsvSink<'_> {
    fn begin(&mut self, damage: Option<&'static Damage>) {
        self.damage = damage;
        self.row = self.out.len();
        self.cells = 0;
    }

    fn end(&mut self) {
        self.header_done = true;
        if let Some(damage) = self.damage {
            spoil(damage, &mut self.out, self.row, self.row, self.third);
        }
        self.out.push(b'\n');
    }

    fn open(&mut self, _name: &'static str) {}

    fn close(&mut self) {}

    fn id(&mut self, name: &'static str, id: Id) {
        self.cell(name, |out, _| id.write(out));
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.cell(name, |out, _| {
            if !value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n')) {
                return out.extend_from_slice(value.as_bytes());
            }
            out.push(b'"');
            for &byte in value.as_bytes() {
                if byte == b'"' {
                    out.push(b'"');
                }
                out.push(byte);
            }
            out.push(b'"');
        });
    }

    fn int(&mut self, name: &'static str, value: i64) {
        self.cell(name, |out, _| sink::signed(out, value));
    }

    fn money(&mut self, name: &'static str, cents: i64) {
        self.cell(name, |out, _| sink::money(out, cents));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.cell(name, |out, _| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn time(&mut self, name: &'static str, at: u32) {
        let format = self.time_format;
        self.cell(name, |out, calendar| sink::time(out, calendar, format, at));
    }

    fn null(&mut self, name: &'static str) {
        self.cell(name, |_, _| {});
    }
}
