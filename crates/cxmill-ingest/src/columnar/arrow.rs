//! Reader of Arrow IPC, both the stream and the file format.
//!
//! The file format is the stream format between a magic word and a footer, so one streaming decoder reads both and no file
//! has to be held as a whole.

use std::sync::Arc;

use ::arrow::array::RecordBatch;
use ::arrow::buffer::Buffer;
use ::arrow::ipc::reader::StreamDecoder;
use bytes::{Bytes, BytesMut};

use super::{guarded, land_batch};
use crate::compress::Decompressor;
use crate::land::{Chunks, Fetcher, Outlet, Stop, Work, damage};

/// First bytes of the file format. Zeros follow it, in words of eight bytes, up to the first message.
const MAGIC: &[u8] = b"ARROW1";
const WORD: usize = 8;

/// Decoder of one file; it moves between threads as one.
struct Ipc {
    decompressor: Decompressor,
    decoder: StreamDecoder,
    /// Bytes of the head that have come so far, until the format is known.
    head: Option<BytesMut>,
    /// The file format, whose end must be a footer.
    is_file: bool,
    ended: bool,
    /// The last bytes, for the magic word at the end of the file format.
    tail: Vec<u8>,
}

/// Reads one file.
pub(crate) async fn read(work: &Arc<Work>, fetcher: Fetcher, outlet: &Outlet) -> Result<(), Stop> {
    let mut ipc = Ipc {
        decompressor: Decompressor::new(fetcher.file.path.as_ref()),
        decoder: StreamDecoder::new(),
        head: Some(BytesMut::new()),
        is_file: false,
        ended: false,
        tail: Vec::new(),
    };
    let mut chunks = Chunks::new(fetcher, work.limits.chunk, work.limits.fetch);
    let (mut row, mut offset) = (1, 0);
    loop {
        let chunk = chunks.next().await?;
        let last = chunk.is_none();
        let bytes = chunk.unwrap_or_default();
        offset += bytes.len() as u64;
        let (returned, batches, fault) = work.cpu.read(move || step(ipc, bytes, last)).done().await?;
        ipc = returned;
        for batch in batches {
            let (first_row, rows, size) = (row, batch.num_rows() as u64, batch_bytes(&batch));
            let task = Arc::clone(work);
            outlet.decode(size, move || land_batch(&task, &batch, first_row)).await?;
            row += rows;
        }
        if let Some(reason) = fault {
            let message = format!("the Arrow file is damaged from row {row} on, before byte {offset}: {reason}");
            return Ok(outlet.damaged(damage(row, offset, message)).await?);
        }
        if last {
            return Ok(());
        }
    }
}

fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}

/// Where the first message of the file format begins, once it has come.
fn first_message(head: &[u8]) -> Option<usize> {
    let padding = head.get(WORD..)?.chunks_exact(WORD).position(|word| word.iter().any(|byte| *byte != 0))?;
    Some(WORD + padding * WORD)
}

/// Decodes bytes, or at the `last` step what the end of the file says. Batches before a fault are good.
fn step(mut ipc: Ipc, bytes: Bytes, last: bool) -> (Ipc, Vec<RecordBatch>, Option<String>) {
    let mut batches = Vec::new();
    let fault = guarded(|| {
        for piece in ipc.open(bytes, last)? {
            ipc.push(piece, &mut batches)?;
        }
        if last { ipc.finish() } else { Ok(()) }
    });
    (ipc, batches, fault.err())
}

impl Ipc {
    fn open(&mut self, bytes: Bytes, last: bool) -> Result<Vec<Bytes>, String> {
        if last {
            return self.decompressor.finish().map(|()| Vec::new()).map_err(|broken| broken.reason);
        }
        self.decompressor.push(bytes).map_err(|broken| broken.reason)
    }

    fn push(&mut self, bytes: Bytes, batches: &mut Vec<RecordBatch>) -> Result<(), String> {
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(MAGIC.len())..]);
        self.tail.drain(..self.tail.len().saturating_sub(MAGIC.len()));
        let bytes = match self.head.take() {
            None => bytes,
            Some(mut head) => {
                head.extend_from_slice(&bytes);
                self.is_file = head.starts_with(MAGIC);
                let start = if self.is_file { first_message(&head) } else { (head.len() >= WORD).then_some(0) };
                match start {
                    Some(start) => head.freeze().slice(start..),
                    None => {
                        self.head = Some(head);
                        return Ok(());
                    }
                }
            }
        };
        let mut buffer = Buffer::from(bytes);
        while !buffer.is_empty() && !self.ended {
            match self.decoder.decode(&mut buffer) {
                Ok(Some(batch)) => batches.push(batch),
                Ok(None) => {}
                // The decoder answers bytes after the end mark so. In the file format they are the footer.
                Err(error) if self.is_file && error.to_string().contains("Unexpected EOS") => self.ended = true,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        match &self.head {
            Some(head) if head.is_empty() => return Ok(()),
            Some(_) => return Err("it is too short to be an Arrow file".to_owned()),
            None => {}
        }
        if self.decoder.schema().is_none() {
            return Err("it does not begin with a schema".to_owned());
        }
        if self.is_file {
            return if self.ended && self.tail == MAGIC { Ok(()) } else { Err("its footer is missing".to_owned()) };
        }
        self.decoder.finish().map_err(|error| error.to_string())
    }
}
