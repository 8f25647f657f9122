//! Reader of a text file: chunks, decompressed and cut into blocks of whole records.

use std::sync::Arc;

use bytes::Bytes;

use super::chunks::{Chunks, Fetcher};
use super::limits::usize_of;
use super::pipeline::damage;
use super::{Outlet, Output, Stop, Work};
use crate::compress::{Damage as BrokenStream, Decompressor};
use crate::decode::{Block, CsvHeader, Splitter, TextDecoder};
use crate::error::IngestError;

/// Compressed bytes that are opened at a time: they may become a thousand times as many.
const PIECE: usize = 64 << 10;

/// The way from chunks to blocks; it moves between threads as one.
struct Cutter {
    decompressor: Decompressor,
    splitter: Splitter,
    /// Compressed bytes not yet opened.
    rest: Bytes,
    blocks: Vec<Block>,
    broken: Option<BrokenStream>,
}

impl Cutter {
    /// Opens bytes until there is a block or nothing is left.
    fn cut(mut self) -> Self {
        while self.blocks.is_empty() && self.broken.is_none() && !self.rest.is_empty() {
            let size = if self.decompressor.is_plain() { self.rest.len() } else { PIECE };
            let piece = self.rest.split_to(size.min(self.rest.len()));
            match self.decompressor.push(piece) {
                Ok(opened) => {
                    for bytes in opened {
                        self.blocks.extend(self.splitter.push(bytes));
                    }
                }
                Err(broken) => self.broken = Some(broken),
            }
        }
        self
    }
}

/// Reads one file.
pub(super) async fn read(work: &Arc<Work>, fetcher: Fetcher, outlet: &Outlet) -> Result<(), Stop> {
    let Some(decoder) = work.text.clone() else {
        return Err(IngestError::Bug(format!("source {} has no text decoder", work.source.name)).into());
    };
    let mut cutter = Cutter {
        decompressor: Decompressor::new(fetcher.file.path.as_ref()),
        splitter: Splitter::new(&work.source.format).with_target(work.limits.chunk),
        rest: Bytes::new(),
        blocks: Vec::new(),
        broken: None,
    };
    // Blocks of a plain file are slices of what was fetched: only those that lie across two fetches are copied.
    let chunk = if cutter.decompressor.is_plain() { usize_of(work.limits.fetch) } else { work.limits.chunk };
    let mut chunks = Chunks::new(fetcher, chunk, work.limits.fetch);
    let mut sender = Sender { work, decoder, outlet, header: None };
    while cutter.broken.is_none() {
        let Some(chunk) = chunks.next().await? else { break };
        cutter.rest = chunk;
        while cutter.broken.is_none() && !cutter.rest.is_empty() {
            cutter = work.cpu.read(move || cutter.cut()).done().await?;
            let blocks = std::mem::take(&mut cutter.blocks);
            if !sender.send(&cutter.splitter, blocks).await? {
                return Ok(());
            }
        }
    }
    if cutter.broken.is_none() {
        cutter.broken = cutter.decompressor.finish().err();
    }
    let last = cutter.splitter.finish();
    match cutter.broken {
        None => {
            sender.send(&cutter.splitter, last.into_iter().collect()).await?;
        }
        Some(broken) => {
            // What follows the last line end belongs to the damage.
            let (whole, line) = last.map_or((None, 1), whole_lines);
            if sender.send(&cutter.splitter, whole.into_iter().collect()).await? {
                let message = format!("the compressed object is damaged at byte {}: {}", broken.offset, broken.reason);
                outlet.damaged(damage(line, broken.offset, message)).await?;
            }
        }
    }
    Ok(())
}

/// The part of a block up to its last line end, and the number of the line after it.
fn whole_lines(mut block: Block) -> (Option<Block>, u64) {
    let end = memchr::memrchr(b'\n', &block.bytes).map_or(0, |end| end + 1);
    block.bytes.truncate(end);
    let line = block.first_line + memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
    (Some(block).filter(|block| !block.bytes.is_empty()), line)
}

struct Sender<'a> {
    work: &'a Arc<Work>,
    decoder: TextDecoder,
    outlet: &'a Outlet,
    /// Header of a CSV file, once it has been read and checked.
    header: Option<Arc<CsvHeader>>,
}

impl Sender<'_> {
    /// Sends blocks to decoding. False means that the header forbids reading the rows.
    async fn send(&mut self, splitter: &Splitter, blocks: Vec<Block>) -> Result<bool, Stop> {
        if self.header.is_none()
            && let Some(header) = splitter.header()
        {
            if let Some(reject) = self.decoder.check_header(header) {
                self.outlet.damaged(reject).await?;
                return Ok(false);
            }
            self.header = Some(Arc::new(header.clone()));
        }
        for block in blocks {
            let (decoder, header, preparer) =
                (self.decoder.clone(), self.header.clone(), Arc::clone(&self.work.preparer));
            let bytes = block.bytes.len();
            let decode = move || {
                let decoded = decoder.decode(&block, header.as_deref());
                Ok(Output { rows: vec![preparer.prepare(decoded)?], damage: None })
            };
            self.outlet.decode(bytes, decode).await?;
        }
        Ok(true)
    }
}
