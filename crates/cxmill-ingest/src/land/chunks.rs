//! A raw file as a sequence of chunks of one size, whatever its store sends.
//!
//! Each request asks for a range and for the version that was listed, so a slow consumer holds no connection open and a
//! file that changes while it is read is an error, not a mixture.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetOptions, GetResult, ObjectStore};

use super::Progress;
use crate::discover::RawFile;
use crate::error::IngestError;

/// Reads one version of one raw file.
#[derive(Clone)]
pub(crate) struct Fetcher {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) file: RawFile,
    /// Full address for messages.
    pub(crate) address: String,
    pub(crate) progress: Arc<Progress>,
}

impl Fetcher {
    /// The error of reading this file.
    pub(crate) fn fail(&self, source: object_store::Error) -> IngestError {
        IngestError::Store { operation: "reading", place: self.address.clone(), source }
    }

    async fn open(&self, range: Option<std::ops::Range<u64>>) -> object_store::Result<GetResult> {
        // A weak etag never matches.
        let etag = self.file.etag.clone().filter(|etag| !etag.starts_with("W/"));
        let options = GetOptions { range: range.map(Into::into), if_match: etag, ..GetOptions::default() };
        let result = self.store.get_opts(&self.file.path, options).await?;
        let same_time = self.file.etag.is_some() || result.meta.last_modified == self.file.modified;
        if result.meta.size != self.file.size || !same_time {
            return Err(object_store::Error::Precondition {
                path: self.file.path.to_string(),
                source: "the file changed after it was listed; run again".into(),
            });
        }
        Ok(result)
    }

    /// Fetches a range of the file, or all of it.
    pub(crate) async fn fetch(&self, range: Option<std::ops::Range<u64>>) -> object_store::Result<Bytes> {
        let bytes = self.open(range).await?.bytes().await?;
        self.progress.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    async fn stream(&self) -> object_store::Result<BoxStream<'static, object_store::Result<Bytes>>> {
        Ok(self.open(None).await?.into_stream())
    }
}

/// The chunks of a file.
pub(crate) struct Chunks {
    fetcher: Fetcher,
    chunk: usize,
    fetch: u64,
    /// Bytes asked for so far.
    position: u64,
    fetched: Bytes,
    /// Used where the store cannot serve ranges, as plain web servers may.
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
}

impl Chunks {
    pub(crate) fn new(fetcher: Fetcher, chunk: usize, fetch: u64) -> Self {
        Self { fetcher, chunk, fetch, position: 0, fetched: Bytes::new(), stream: None }
    }

    /// The next chunk; `None` at the end. Every chunk but the last one of a request has the full size.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        if self.fetched.is_empty() {
            self.fetched = self.refill().await.map_err(|error| self.fetcher.fail(error))?;
        }
        if self.fetched.is_empty() {
            return Ok(None);
        }
        let size = self.chunk.min(self.fetched.len());
        Ok(Some(self.fetched.split_to(size)))
    }

    async fn refill(&mut self) -> object_store::Result<Bytes> {
        if let Some(stream) = &mut self.stream {
            return collect(stream, self.fetch, &self.fetcher.progress).await;
        }
        let size = self.fetcher.file.size;
        if self.position >= size {
            return Ok(Bytes::new());
        }
        let end = size.min(self.position + self.fetch);
        let range = if self.position == 0 && end == size { None } else { Some(self.position..end) };
        let ranged = range.is_some();
        match self.fetcher.fetch(range).await {
            Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. })
                if ranged && self.position == 0 =>
            {
                self.position = size;
                let mut stream = self.fetcher.stream().await?;
                let first = collect(&mut stream, self.fetch, &self.fetcher.progress).await;
                self.stream = Some(stream);
                first
            }
            Ok(bytes) => {
                self.position = end;
                Ok(bytes)
            }
            Err(error) => Err(error),
        }
    }
}

/// At least `size` bytes of a stream where it has so many, cut at exactly that many by [`Chunks::next`]'s caller.
async fn collect(
    stream: &mut BoxStream<'static, object_store::Result<Bytes>>,
    size: u64,
    progress: &Progress,
) -> object_store::Result<Bytes> {
    let mut collected = BytesMut::new();
    while (collected.len() as u64) < size {
        let Some(bytes) = stream.next().await else { break };
        let bytes = bytes?;
        progress.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        collected.extend_from_slice(&bytes);
    }
    Ok(collected.freeze())
}
