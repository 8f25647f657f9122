//! Reader of Avro object container files.
//!
//! The container is framed here: a header, then blocks of a row count, a byte count, rows and a mark. Every few blocks are
//! given to the Avro decoder as a small container of their own, so that blocks are decoded on all threads, a damaged one
//! costs nothing that was read before it, and a file that ends within a block is noticed.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_avro::reader::ReaderBuilder;
use bytes::{Buf, Bytes, BytesMut};

use super::{guarded, land_batch};
use crate::compress::Decompressor;
use crate::error::IngestError;
use crate::land::{Chunks, Fetcher, Outlet, Output, Stop, Work, damage};

const MAGIC: &[u8] = b"Obj\x01";
const MARK: usize = 16;
/// A header or block that claims to be larger is damage: no writer makes such.
const LARGEST: usize = 1 << 30;

/// Some blocks of a container.
struct Group {
    /// The file's header and the blocks, each with its mark: a container of its own.
    header: Bytes,
    blocks: Vec<Bytes>,
    bytes: usize,
    /// Number of the first row, from 1.
    first_row: u64,
    /// Offset of the first block in the (decompressed) file.
    offset: u64,
}

/// Finds the blocks of a container as its bytes come.
#[derive(Default)]
struct Framer {
    buffer: BytesMut,
    header: Option<Bytes>,
    /// Offset of the buffer's first byte.
    offset: u64,
    next_row: u64,
    /// Blocks are decoded together up to this many bytes.
    target: usize,
    group: Option<Group>,
}

impl Framer {
    /// Takes bytes and gives the groups that are complete.
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Group>, String> {
        self.buffer.extend_from_slice(bytes);
        let mut groups = Vec::new();
        if self.header.is_none() {
            let Some(length) = header_length(&self.buffer)? else { return Ok(groups) };
            self.header = Some(self.take(length));
            self.next_row = 1;
        }
        let Some(header) = self.header.clone() else { return Ok(groups) };
        while let Some((rows, length)) = block_length(&self.buffer, &header)? {
            let offset = self.offset;
            let block = self.take(length);
            let group = self.group.get_or_insert_with(|| Group {
                header: header.clone(),
                blocks: Vec::new(),
                bytes: 0,
                first_row: self.next_row,
                offset,
            });
            group.bytes += block.len();
            group.blocks.push(block);
            self.next_row += rows;
            if group.bytes >= self.target {
                groups.extend(self.group.take());
            }
        }
        Ok(groups)
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.offset += length as u64;
        self.buffer.split_to(length).freeze()
    }

    /// What is left at the end of the file, and whether it ends where it may.
    fn finish(&mut self) -> (Option<Group>, Result<(), String>) {
        let end = match (&self.header, self.buffer.is_empty()) {
            (_, true) => Ok(()),
            (None, false) => Err("it ends within its header".to_owned()),
            (Some(_), false) => Err("it ends within a block".to_owned()),
        };
        (self.group.take(), end)
    }
}

/// A variable-length number: its value and the bytes after it. `None` where more bytes are needed.
fn number(bytes: &[u8]) -> Result<Option<(i64, &[u8])>, String> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let signed = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
            return Ok(bytes.get(index + 1..).map(|rest| (signed, rest)));
        }
    }
    if bytes.len() < 10 { Ok(None) } else { Err("a length is malformed".to_owned()) }
}

/// A number that is a length.
fn length(bytes: &[u8]) -> Result<Option<(usize, &[u8])>, String> {
    let Some((value, rest)) = number(bytes)? else { return Ok(None) };
    match usize::try_from(value) {
        Ok(length) if length <= LARGEST => Ok(Some((length, rest))),
        _ => Err("a length is out of bounds".to_owned()),
    }
}

/// Length of the header with its mark, once it has come as a whole.
fn header_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err("it does not begin as an Avro container".to_owned());
    }
    let Some(mut rest) = bytes.get(MAGIC.len()..) else { return Ok(None) };
    loop {
        let Some((entries, after)) = number(rest)? else { return Ok(None) };
        rest = after;
        if entries == 0 {
            let length = bytes.len() - rest.len() + MARK;
            return Ok((length <= bytes.len()).then_some(length));
        }
        if entries < 0 {
            // A negative count is followed by the size in bytes of the entries.
            let Some((_, after)) = length(rest)? else { return Ok(None) };
            rest = after;
        }
        for _ in 0..entries.unsigned_abs().saturating_mul(2) {
            let Some((length, after)) = length(rest)? else { return Ok(None) };
            let Some(after) = after.get(length..) else { return Ok(None) };
            rest = after;
        }
    }
}

/// Rows of the next block and its length with the mark, once it has come as a whole.
fn block_length(bytes: &[u8], header: &[u8]) -> Result<Option<(u64, usize)>, String> {
    let Some((rows, rest)) = length(bytes)? else { return Ok(None) };
    let Some((size, rest)) = length(rest)? else { return Ok(None) };
    let Some(mark) = rest.get(size..size + MARK) else { return Ok(None) };
    if Some(mark) != header.last_chunk::<MARK>().map(<[u8; MARK]>::as_slice) {
        return Err("the mark after a block is wrong".to_owned());
    }
    Ok(Some((rows as u64, bytes.len() - rest.len() + size + MARK)))
}

/// Reads one file.
pub(crate) async fn read(work: &Arc<Work>, fetcher: Fetcher, outlet: &Outlet) -> Result<(), Stop> {
    let mut decompressor = Decompressor::new(fetcher.file.path.as_ref());
    let mut framer = Framer { target: work.limits.chunk, ..Framer::default() };
    let mut chunks = Chunks::new(fetcher, work.limits.chunk, work.limits.fetch);
    loop {
        let chunk = chunks.next().await?;
        let last = chunk.is_none();
        let step = move || {
            let mut groups = Vec::new();
            let end = match chunk {
                Some(chunk) => decompressor.push(chunk).map_err(|broken| broken.reason).and_then(|opened| {
                    opened.iter().try_for_each(|bytes| framer.push(bytes).map(|complete| groups.extend(complete)))
                }),
                None => decompressor.finish().map_err(|broken| broken.reason),
            };
            if last || end.is_err() {
                let (rest, whole) = framer.finish();
                groups.extend(rest);
                return (decompressor, framer, groups, end.and(whole));
            }
            (decompressor, framer, groups, end)
        };
        let (returned, rest, groups, end) = work.cpu.read(step).done().await?;
        (decompressor, framer) = (returned, rest);
        for group in groups {
            let task = Arc::clone(work);
            outlet.decode(group.bytes, move || decode(&task, &group)).await?;
        }
        if let Err(reason) = end {
            let message = broken(framer.next_row, framer.offset, &reason);
            return Ok(outlet.damaged(damage(framer.next_row.max(1), framer.offset, message)).await?);
        }
        if last {
            return Ok(());
        }
    }
}

fn broken(row: u64, offset: u64, reason: &str) -> String {
    format!("the Avro file is damaged from row {} (byte {offset}) on: {reason}", row.max(1))
}

/// Decodes a group; where that fails, block by block, to keep what stands before the damage.
fn decode(work: &Work, group: &Group) -> Result<Output, IngestError> {
    let mut output = Output::default();
    let mut row = group.first_row;
    let mut land = |batches: Vec<RecordBatch>, output: &mut Output| {
        for batch in batches {
            let rows = batch.num_rows() as u64;
            output.rows.extend(land_batch(work, &batch, row)?.rows);
            row += rows;
        }
        Ok::<u64, IngestError>(row)
    };
    if let Ok(batches) = batches(&group.header, &group.blocks, work.limits.rows) {
        land(batches, &mut output)?;
        return Ok(output);
    }
    let mut offset = group.offset;
    let mut next = group.first_row;
    for block in &group.blocks {
        match batches(&group.header, std::slice::from_ref(block), work.limits.rows) {
            Ok(batches) => next = land(batches, &mut output)?,
            Err(reason) => {
                output.damage = Some(damage(next, offset, broken(next, offset, &reason)));
                return Ok(output);
            }
        }
        offset += block.len() as u64;
    }
    Ok(output)
}

fn batches(header: &Bytes, blocks: &[Bytes], rows: usize) -> Result<Vec<RecordBatch>, String> {
    guarded(|| {
        let mut container = BytesMut::with_capacity(header.len() + blocks.iter().map(Bytes::len).sum::<usize>());
        container.extend_from_slice(header);
        blocks.iter().for_each(|block| container.extend_from_slice(block.chunk()));
        let reader = ReaderBuilder::new().with_batch_size(rows).build(Cursor::new(container.freeze()));
        let batches = reader.map_err(|error| error.to_string())?.collect::<Result<Vec<_>, _>>();
        batches.map_err(|error| error.to_string())
    })
}
