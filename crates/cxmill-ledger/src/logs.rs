//! Logs of consumed files and manifests of landed files: zstd-compressed lines of JSON.
//!
//! A log is written once and never changed. Its name tells its number of lines; the format version of the commit that
//! names it covers it. Merging keeps the bytes of the lines and their order, so that a later line about a path wins.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Write};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Fast to write; a higher level makes a log of paths hardly smaller.
const LEVEL: i32 = 3;

/// Writes a log that holds the lines of the older logs, then the new entries.
pub(crate) fn encode<T: Serialize>(older: &[Bytes], entries: &[T]) -> io::Result<Vec<u8>> {
    let mut log = zstd::Encoder::new(Vec::new(), LEVEL)?;
    // Readers that look at a part of each line only still learn of damage.
    log.include_checksum(true)?;
    for bytes in older {
        io::copy(&mut zstd::Decoder::with_buffer(bytes.as_ref())?, &mut log)?;
    }
    for entry in entries {
        serde_json::to_writer(&mut log, entry)?;
        log.write_all(b"\n")?;
    }
    log.finish()
}

/// Hands each line of a log to `take`, one buffer for all of them.
pub(crate) fn each_line(log: &[u8], mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut lines = BufReader::with_capacity(1 << 17, zstd::Decoder::with_buffer(log)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        take(line.trim_ascii_end())?;
    }
}

/// Reads a log whole.
pub(crate) fn decode<T: DeserializeOwned>(log: &[u8]) -> io::Result<Vec<T>> {
    let mut entries = Vec::new();
    each_line(log, |line| {
        entries.push(serde_json::from_slice(line)?);
        Ok(())
    })?;
    Ok(entries)
}

/// Path and identity of a consumed file, handed on without reading the rest of the line.
pub(crate) fn path_and_identity<T>(line: &[u8], take: impl FnOnce(&[u8], &[u8]) -> T) -> io::Result<T> {
    if let Some((path, identity)) = unescaped(line) {
        return Ok(take(path, identity));
    }
    let Key { path, identity } = serde_json::from_slice(line)?;
    Ok(take(path.as_bytes(), identity.as_bytes()))
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    identity: Cow<'a, str>,
}

/// The two fields where the line is as [`encode`] writes a consumed file and nothing in them is escaped, which is nearly
/// always. With millions of lines a full parse of each is most of the time it takes to begin a run.
fn unescaped(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (path, rest) = text(line.strip_prefix(b"{\"path\":\"")?)?;
    let (identity, _) = text(rest.strip_prefix(b",\"identity\":\"")?)?;
    Some((path, identity))
}

/// What stands before the closing quote, and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (text, rest) = bytes.split_at(end);
    Some((text, rest.strip_prefix(b"\"")?))
}
