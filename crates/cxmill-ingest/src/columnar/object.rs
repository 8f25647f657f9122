//! An object that Parquet is read from, which tells errors of its store from damage of the file.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::land::Fetcher;

/// Objects up to this size are fetched by one request.
const WHOLE: u64 = 1 << 20;

enum From {
    /// A raw file: its version is checked with each request.
    Raw(Fetcher),
    /// A landed object, which never changes.
    Landed(Arc<dyn ObjectStore>, Path),
}

/// Reads ranges of an object.
pub(crate) struct StoredObject {
    from: From,
    size: u64,
    whole: Option<Bytes>,
    failure: Failure,
}

/// The error of the store that made a read fail, where it was the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<object_store::Error>>>);

impl Failure {
    /// The error, once.
    pub(crate) fn take(&self) -> Option<object_store::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, error: object_store::Error) -> ParquetError {
        let text = error.to_string();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        ParquetError::General(text)
    }
}

impl StoredObject {
    pub(crate) fn raw(fetcher: Fetcher) -> Self {
        let size = fetcher.file.size;
        Self { from: From::Raw(fetcher), size, whole: None, failure: Failure::default() }
    }

    pub(crate) fn landed(store: Arc<dyn ObjectStore>, path: Path, size: u64) -> Self {
        Self { from: From::Landed(store, path), size, whole: None, failure: Failure::default() }
    }

    /// Where the store's error can be found after a read failed.
    pub(crate) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    async fn read(&mut self, range: Range<u64>) -> Result<Bytes> {
        if range.end > self.size || range.start > range.end {
            return Err(ParquetError::EOF(format!("it points to byte {}, but has {}", range.end, self.size)));
        }
        if self.size <= WHOLE && self.whole.is_none() {
            self.whole = Some(self.fetch(None).await.map_err(|error| self.failure.put(error))?);
        }
        match &self.whole {
            Some(whole) => {
                let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(whole.len());
                Ok(whole.slice(place(range.start)..place(range.end)))
            }
            None => self.fetch(Some(range)).await.map_err(|error| self.failure.put(error)),
        }
    }

    async fn fetch(&self, range: Option<Range<u64>>) -> object_store::Result<Bytes> {
        match (&self.from, range) {
            (From::Raw(fetcher), range) => fetcher.fetch(range).await,
            (From::Landed(store, path), Some(range)) => store.get_range(path, range).await,
            (From::Landed(store, path), None) => store.get(path).await?.bytes().await,
        }
    }
}

impl AsyncFileReader for StoredObject {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.read(range).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}
