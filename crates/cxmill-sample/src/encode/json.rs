//! Rows as JSON objects, one a line.

use crate::calendar::Calendar;
use crate::damage::{Damage, spoil};
use crate::sink::{self, Id, Sink, TimeFormat};

/// Collects lines.
#[derive(Debug)]
pub(crate) struct JsonSink<'a> {
    calendar: &'a Calendar,
    damage: Option<&'static Damage>,
    out: Vec<u8>,
    row: usize,
    comma: bool,
}

impl<'a> JsonSink<'a> {
    pub(crate) fn new(calendar: &'a Calendar) -> Self {
        Self { calendar, damage: None, out: Vec::new(), row: 0, comma: false }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn key(&mut self, name: &str) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn field(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>, &Calendar)) {
        match self.damage.and_then(|damage| damage.replaces(name)) {
            None => {
                self.key(name);
                write(&mut self.out, self.calendar);
            }
            Some(Some(raw)) => {
                self.key(name);
                self.out.extend_from_slice(raw.as_bytes());
            }
            Some(None) => {}
        }
    }
}

impl Sink for JsonSink<'_> {
    fn begin(&mut self, damage: Option<&'static Damage>) {
        self.damage = damage;
        self.row = self.out.len();
        self.comma = false;
        self.out.push(b'{');
    }

    fn end(&mut self) {
        self.out.push(b'}');
        if let Some(damage) = self.damage {
            let length = self.out.len() - self.row;
            let first = self.out.iter().skip(self.row).position(|&byte| byte == b':').unwrap_or(0) + 1;
            spoil(damage, &mut self.out, self.row, self.row + first, self.row + length * 3 / 5);
        }
        self.out.push(b'\n');
    }

    fn open(&mut self, name: &'static str) {
        self.key(name);
        self.out.push(b'{');
        self.comma = false;
    }

    fn close(&mut self) {
        self.out.push(b'}');
        self.comma = true;
    }

    fn id(&mut self, name: &'static str, id: Id) {
        self.field(name, |out, _| {
            out.push(b'"');
            id.write(out);
            out.push(b'"');
        });
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.field(name, |out, _| {
            out.push(b'"');
            for &byte in value.as_bytes() {
                match byte {
                    b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    _ => out.push(byte),
                }
            }
            out.push(b'"');
        });
    }

    fn int(&mut self, name: &'static str, value: i64) {
        self.field(name, |out, _| sink::signed(out, value));
    }

    fn money(&mut self, name: &'static str, cents: i64) {
        self.field(name, |out, _| sink::money(out, cents));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.field(name, |out, _| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn time(&mut self, name: &'static str, at: u32) {
        self.field(name, |out, calendar| {
            out.push(b'"');
            sink::time(out, calendar, TimeFormat::Iso, at);
            out.push(b'"');
        });
    }

    fn null(&mut self, name: &'static str) {
        self.field(name, |out, _| out.extend_from_slice(b"null"));
    }
}
