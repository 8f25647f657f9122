//! A strict scanner of one JSON line. It builds nothing: it finds where values begin and end, and says where a line is wrong.

use super::lanes::{self, STEP};

/// Objects and lists may be nested this deep.
const MAX_DEPTH: usize = 128;

/// What is wrong with a line, and the byte it was found at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// A string without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escaped: bool,
}

/// A position in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

type Scan<T> = Result<T, Malformed>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte, not consumed.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[cold]
    pub(crate) fn wrong<T>(&self, what: &'static str) -> Scan<T> {
        let what = if self.at < self.bytes.len() { what } else { "the line ends in the middle of a record" };
        Err(Malformed { at: self.at, what })
    }

    #[inline]
    pub(crate) fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Consumes a byte that must come next.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Scan<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        self.wrong(what)
    }

    /// Consumes a string whose opening quote comes next.
    #[inline]
    pub(crate) fn string(&mut self) -> Scan<Text> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        self.at = special(self.bytes, self.at);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Text { start, end: self.at - 1, escaped: false });
        }
        self.rest_of_string(start)
    }

    /// [`Self::string`] from its first special byte on.
    fn rest_of_string(&mut self, start: usize) -> Scan<Text> {
        let mut escaped = false;
        loop {
            self.at = special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(Text { start, end, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.wrong("a control character in a string is not escaped"),
            }
        }
    }

    /// Consumes one escape, or the two that make a surrogate pair.
    fn escape(&mut self) -> Scan<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(self.at) {
                Some(0xD800..=0xDBFF) => match self.unit(self.at + 6) {
                    Some(0xDC00..=0xDFFF) => self.at += 12,
                    _ => return self.wrong("a surrogate in a string stands alone"),
                },
                Some(0xDC00..=0xDFFF) => return self.wrong("a surrogate in a string stands alone"),
                Some(_) => self.at += 6,
                None => return self.wrong("an escape in a string is not \\u and four hex digits"),
            },
            Some(_) => return self.wrong("an escape in a string is unknown"),
            None => {
                self.at = self.bytes.len();
                return self.wrong("");
            }
        }
        Ok(())
    }

    /// The code unit of the `\uXXXX` at a position.
    fn unit(&self, at: usize) -> Option<u32> {
        match self.bytes.get(at..at + 6)? {
            [b'\\', b'u', digits @ ..] => {
                digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
            }
            _ => None,
        }
    }

    /// Appends the characters of a string with escapes. The string was scanned before, so every escape is right.
    pub(crate) fn unescape(&self, text: Text, out: &mut Vec<u8>) {
        let mut at = text.start;
        while at < text.end {
            let plain = memchr::memchr(b'\\', self.slice(at, text.end)).map_or(text.end, |i| at + i);
            out.extend_from_slice(self.slice(at, plain));
            if plain >= text.end {
                return;
            }
            let escape = self.bytes.get(plain + 1).copied().unwrap_or(b'\\');
            at = plain + 2;
            out.push(match escape {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let mut code = self.unit(plain).unwrap_or(0);
                    at = plain + 6;
                    if let (0xD800..=0xDBFF, Some(low)) = (code, self.unit(at)) {
                        code = 0x10000 + ((code - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
                        at += 6;
                    }
                    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                other => other,
            });
        }
    }

    /// Consumes a number that begins here.
    #[inline]
    pub(crate) fn number(&mut self) -> Scan<&'a [u8]> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.wrong("expected a value"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(self.slice(start, self.at))
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Scan<()> {
        let start = self.at;
        self.digits();
        if self.at == start { self.wrong("a number lacks a digit") } else { Ok(()) }
    }

    /// Consumes a word such as `true`.
    #[inline]
    pub(crate) fn word(&mut self, word: &'static [u8]) -> Scan<()> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        self.wrong("expected a value")
    }

    /// Consumes any value.
    #[inline]
    pub(crate) fn skip(&mut self, depth: usize) -> Scan<()> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.skip_object(depth),
            Some(b'[') => self.skip_list(depth),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number().map(|_| ()),
        }
    }

    fn skip_object(&mut self, depth: usize) -> Scan<()> {
        let mut more = self.open_object(depth)?;
        while more {
            self.string()?;
            self.colon()?;
            self.skip(depth + 1)?;
            more = self.next_field()?;
        }
        Ok(())
    }

    fn skip_list(&mut self, depth: usize) -> Scan<()> {
        if depth >= MAX_DEPTH {
            return self.wrong("nested deeper than 128 levels");
        }
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip(depth + 1)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.wrong("expected , or ]"),
            }
            self.blanks();
        }
    }

    /// Consumes the brace of an object that begins here; true where a field follows, false where the object is empty (and
    /// consumed).
    #[inline]
    pub(crate) fn open_object(&mut self, depth: usize) -> Scan<bool> {
        if depth >= MAX_DEPTH {
            return self.wrong("nested deeper than 128 levels");
        }
        self.expect(b'{', "expected an object")?;
        self.blanks();
        match self.peek() {
            Some(b'"') => Ok(true),
            Some(b'}') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.wrong("expected the name of a field or }"),
        }
    }

    /// Consumes the colon after a field's name, with the blanks around it.
    #[inline]
    pub(crate) fn colon(&mut self) -> Scan<()> {
        self.blanks();
        self.expect(b':', "expected : after the name of a field")?;
        self.blanks();
        Ok(())
    }

    /// Consumes what follows a field: true where another one comes, false where the object ended.
    #[inline]
    pub(crate) fn next_field(&mut self) -> Scan<bool> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blanks();
                if self.peek() == Some(b'"') { Ok(true) } else { self.wrong("expected the name of a field") }
            }
            Some(b'}') => {
                self.at += 1;
                Ok(false)
            }
            _ => self.wrong("expected , or }"),
        }
    }

    /// Nothing but blanks may follow.
    #[inline]
    pub(crate) fn end(&mut self) -> Scan<()> {
        self.blanks();
        if self.at == self.bytes.len() {
            return Ok(());
        }
        self.wrong("expected the end of the line after the object")
    }
}

/// Position of the first quote, backslash or control character from `at` on; the end where there is none.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<STEP>()) {
        let found = lanes::special(chunk);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += STEP;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}
