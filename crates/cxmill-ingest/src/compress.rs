//! Decompression of a stream of chunks, chosen by the suffix of the object: `.gz`, `.zst`, `.bz2`; anything else passes as it is.
//!
//! Concatenated members are one stream. Damage never hides what came before it: [`Decompressor::push`] gives out all bytes
//! before the damage, and the next call returns the [`Damage`], as does every call after it.

use bytes::Bytes;
use zstd::stream::raw::Operation;

/// Decompressed bytes come in chunks of at most this size.
const CHUNK: usize = 256 << 10;

/// Where and why a compressed object cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset} of the compressed object")]
pub struct Damage {
    /// Offset in the compressed object.
    pub offset: u64,
    /// What is wrong.
    pub reason: String,
}

/// Decompressor of one object.
pub struct Decompressor {
    codec: Codec,
    /// Compressed bytes consumed.
    offset: u64,
    /// Inside a member: the stream must not end here.
    inside: bool,
    /// Inside the zeros that may pad a gzip file.
    padding: bool,
    damage: Option<Damage>,
    /// Output so far that has not been given out.
    out: Vec<u8>,
}

enum Codec {
    None,
    Gzip(Box<flate2::Decompress>),
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
    Bzip2(Box<bzip2::Decompress>),
}

/// What one step did.
struct Step {
    read: usize,
    written: usize,
    /// A member ended.
    ended: bool,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor")
            .field("offset", &self.offset)
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl Decompressor {
    /// A decompressor for the object of this path.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let mut damage = None;
        let codec = if lower.ends_with(".gz") {
            Codec::Gzip(Box::new(flate2::Decompress::new_gzip(15)))
        } else if lower.ends_with(".zst") {
            match zstd::stream::raw::Decoder::new() {
                Ok(decoder) => Codec::Zstd(Box::new(decoder)),
                Err(error) => {
                    damage = Some(Damage { offset: 0, reason: format!("zstd cannot start: {error}") });
                    Codec::None
                }
            }
        } else if lower.ends_with(".bz2") {
            Codec::Bzip2(Box::new(bzip2::Decompress::new(false)))
        } else {
            Codec::None
        };
        Self { codec, offset: 0, inside: false, padding: false, damage, out: Vec::new() }
    }

    /// Whether bytes pass as they are, so that ranges of the object can be read independently.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.codec, Codec::None)
    }

    /// Takes the next compressed chunk and gives out what it decompresses to. To bound memory, push small chunks: text rarely
    /// shrinks more than a hundredfold, but it may.
    pub fn push(&mut self, chunk: Bytes) -> Result<Vec<Bytes>, Damage> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        if self.is_plain() {
            self.offset += chunk.len() as u64;
            return Ok(if chunk.is_empty() { Vec::new() } else { vec![chunk] });
        }
        let mut chunks = Vec::new();
        let mut at = 0;
        loop {
            let input = chunk.get(at..).unwrap_or_default();
            if self.padding
                || (!self.inside
                    && self.offset > 0
                    && matches!(self.codec, Codec::Gzip(_))
                    && input.first() == Some(&0))
            {
                self.pad(input);
                break;
            }
            if !self.inside && input.is_empty() {
                break;
            }
            let held = self.out.len();
            self.out.resize(CHUNK, 0);
            let step = self.step(input, held);
            let written = step.as_ref().map_or(0, |step| step.written);
            let full = held + written == CHUNK;
            self.out.truncate(held + written);
            if full {
                chunks.push(Bytes::from(std::mem::take(&mut self.out)));
            }
            match step {
                Err(reason) => {
                    self.damage = Some(Damage { offset: self.offset, reason });
                    break;
                }
                Ok(step) => {
                    at += step.read;
                    self.offset += step.read as u64;
                    self.inside = !step.ended;
                    // Without room left there may be more to come; without input there is not.
                    if step.read == 0 && !full && !step.ended {
                        break;
                    }
                }
            }
        }
        if !self.out.is_empty() {
            chunks.push(Bytes::from(std::mem::take(&mut self.out)));
        }
        Ok(chunks)
    }

    /// Says whether the object ended where a member ends.
    pub fn finish(&mut self) -> Result<(), Damage> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        if self.inside {
            let damage = Damage { offset: self.offset, reason: "the compressed data ends too early".to_owned() };
            self.damage = Some(damage.clone());
            return Err(damage);
        }
        Ok(())
    }

    fn pad(&mut self, input: &[u8]) {
        self.padding = true;
        match input.iter().position(|byte| *byte != 0) {
            None => self.offset += input.len() as u64,
            Some(at) => {
                self.offset += at as u64;
                self.damage = Some(Damage {
                    offset: self.offset,
                    reason: "the padding after the gzip data holds something else than zeros".to_owned(),
                });
            }
        }
    }

    /// Decompresses from `input` into `out` after its first `held` bytes.
    fn step(&mut self, input: &[u8], held: usize) -> Result<Step, String> {
        let out = self.out.get_mut(held..).unwrap_or_default();
        match &mut self.codec {
            Codec::None => Ok(Step { read: input.len(), written: 0, ended: true }),
            Codec::Gzip(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let status = decoder
                    .decompress(input, out, flate2::FlushDecompress::None)
                    .map_err(|error| format!("the gzip data is corrupt ({error})"))?;
                let step = Step {
                    read: usize::try_from(decoder.total_in() - read).unwrap_or(0),
                    written: usize::try_from(decoder.total_out() - written).unwrap_or(0),
                    ended: status == flate2::Status::StreamEnd,
                };
                if step.ended {
                    **decoder = flate2::Decompress::new_gzip(15);
                }
                Ok(step)
            }
            Codec::Zstd(decoder) => {
                let status = decoder
                    .run_on_buffers(input, out)
                    .map_err(|error| format!("the zstd data is corrupt ({error})"))?;
                Ok(Step { read: status.bytes_read, written: status.bytes_written, ended: status.remaining == 0 })
            }
            Codec::Bzip2(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let status =
                    decoder.decompress(input, out).map_err(|error| format!("the bzip2 data is corrupt ({error})"))?;
                let step = Step {
                    read: usize::try_from(decoder.total_in() - read).unwrap_or(0),
                    written: usize::try_from(decoder.total_out() - written).unwrap_or(0),
                    ended: status == bzip2::Status::StreamEnd,
                };
                if step.ended {
                    **decoder = bzip2::Decompress::new(false);
                }
                Ok(step)
            }
        }
    }
}

#[cfg(test)]
mod tests;
