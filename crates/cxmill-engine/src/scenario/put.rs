//! When the raw files of a scenario were put: at the logical time of their run, where it has one. Without one they carry a time
//! that was made up, so that no row is late or of the future, on whatever day the scenario runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cxmill_ingest::{Place, StoreError};
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::context::{Context, Stores};

/// Times of raw files by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Arc<Mutex<HashMap<Path, DateTime<Utc>>>>);

impl Times {
    /// Says when a file was put.
    pub(super) fn set(&self, path: &Path, at: Option<DateTime<Utc>>) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.insert(path.clone(), at.unwrap_or(DateTime::UNIX_EPOCH));
    }

    /// Stores in which these files have these times.
    pub(super) fn over(&self, stores: &Arc<dyn Stores>) -> Arc<dyn Stores> {
        Arc::new(Dated { inner: Arc::clone(stores), times: self.clone() })
    }

    fn dated(&self, meta: ObjectMeta) -> ObjectMeta {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match times.get(&meta.location) {
            Some(at) => ObjectMeta { last_modified: *at, ..meta },
            None => meta,
        }
    }
}

/// Something in which files have given times: the stores of a project, or one of them.
#[derive(Debug)]
struct Dated<T> {
    inner: T,
    times: Times,
}

impl Stores for Dated<Arc<dyn Stores>> {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        let place = self.inner.open(location, context)?;
        let store = Arc::new(Dated { inner: Arc::clone(&place.store), times: self.times.clone() });
        Ok(Place { store, ..place })
    }
}

impl std::fmt::Display for Dated<Arc<dyn ObjectStore>> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Dated<Arc<dyn ObjectStore>> {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.inner.get_opts(path, options).await?;
        Ok(GetResult { meta: self.times.dated(found.meta.clone()), ..found })
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let times = self.times.clone();
        self.inner.list(prefix).map(move |meta| meta.map(|meta| times.dated(meta))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
