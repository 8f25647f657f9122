//! A store that fails on demand, for tests of this crate and of those above it (feature `testing`).
//!
//! Every operation is numbered from 1 in the order it begins. A fault is set for one number; a hook sees every operation
//! before it is done and may wait, which is how a stalled runner is made.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// What happens at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation fails and does nothing.
    Fail,
    /// The operation does its work, then its answer is lost.
    LoseAnswer,
    /// The process ends before the operation: it and all later ones fail and do nothing.
    Kill,
    /// The process ends after the operation: it does its work, its answer and all later operations fail.
    KillAfter,
}

/// What kind of operation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Put, copy or rename, or a step of a multipart upload.
    Write,
    /// Get or head.
    Read,
    /// Listing.
    List,
    /// Delete.
    Delete,
}

/// One operation, as the hook sees it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its number, from 1.
    pub number: u64,
    /// Its kind.
    pub kind: Kind,
    /// The object or prefix.
    pub path: Path,
}

type Hook = Arc<dyn Fn(Operation) -> BoxFuture<'static, ()> + Send + Sync>;

struct Inner {
    store: Arc<dyn ObjectStore>,
    fault: Option<(u64, Fault)>,
    begun: AtomicU64,
    writes: AtomicU64,
    dead: AtomicBool,
    /// Whether `Create` replaces, as on a store without put-if-absent, and a listing gives all names, whatever the offset.
    careless: bool,
    hook: Mutex<Option<Hook>>,
}

/// An [`ObjectStore`] around another that fails, dies or waits where it is told to.
#[derive(Clone)]
pub struct FaultStore(Arc<Inner>);

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStore").field("store", &self.0.store).field("fault", &self.0.fault).finish_non_exhaustive()
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStore({})", self.0.store)
    }
}

impl FaultStore {
    /// A store without faults: it counts.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self::build(store, None, false)
    }

    /// A store with a fault at the operation of this number, from 1.
    #[must_use]
    pub fn with_fault(store: Arc<dyn ObjectStore>, number: u64, fault: Fault) -> Self {
        Self::build(store, Some((number, fault)), false)
    }

    /// A store that lets a name be created twice, and lists from the start where an offset is given.
    #[must_use]
    pub fn careless(store: Arc<dyn ObjectStore>) -> Self {
        Self::build(store, None, true)
    }

    fn build(store: Arc<dyn ObjectStore>, fault: Option<(u64, Fault)>, careless: bool) -> Self {
        Self(Arc::new(Inner {
            store,
            fault,
            begun: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            careless,
            hook: Mutex::new(None),
        }))
    }

    /// Sets the hook that is awaited before every operation.
    pub fn before_each(&self, hook: impl Fn(Operation) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        if let Ok(mut slot) = self.0.hook.lock() {
            *slot = Some(Arc::new(hook));
        }
    }

    /// Operations begun so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Writes and deletes begun so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::SeqCst)
    }
}

impl Inner {
    /// Counts the operation and awaits the hook; an error is the fault that comes before the work. The fault that comes
    /// after it is returned to be handed to [`Inner::end`].
    async fn begin(&self, kind: Kind, path: &Path) -> Result<Option<Fault>> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        if matches!(kind, Kind::Write | Kind::Delete) {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        let hook = self.hook.lock().ok().and_then(|hook| hook.clone());
        if let Some(hook) = hook {
            hook(Operation { number, kind, path: path.clone() }).await;
        }
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::Kill) {
            self.dead.store(true, Ordering::SeqCst);
        }
        if self.dead.load(Ordering::SeqCst) || fault == Some(Fault::Fail) {
            return Err(unavailable());
        }
        Ok(fault)
    }

    fn end<T>(&self, fault: Option<Fault>, done: Result<T>) -> Result<T> {
        if fault == Some(Fault::KillAfter) {
            self.dead.store(true, Ordering::SeqCst);
        }
        if fault.is_some() { Err(unavailable()) } else { done }
    }
}

fn unavailable() -> Error {
    Error::Generic { store: "FaultStore", source: "503 service unavailable".into() }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        if self.0.careless && opts.mode == PutMode::Create {
            opts.mode = PutMode::Overwrite;
        }
        let fault = self.0.begin(Kind::Write, location).await?;
        let done = self.0.store.put_opts(location, payload, opts).await;
        self.0.end(fault, done)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let fault = self.0.begin(Kind::Write, location).await?;
        let upload = self.0.end(fault, self.0.store.put_multipart_opts(location, opts).await)?;
        Ok(Box::new(FaultUpload { upload, inner: Arc::clone(&self.0), location: location.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.0.begin(Kind::Read, location).await?;
        let done = self.0.store.get_opts(location, options).await;
        self.0.end(fault, done)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fault = self.0.begin(Kind::Read, location).await?;
        let done = self.0.store.get_ranges(location, ranges).await;
        self.0.end(fault, done)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.0);
        locations
            .then(move |location| {
                let inner = Arc::clone(&inner);
                async move {
                    let location = location?;
                    let fault = inner.begin(Kind::Delete, &location).await?;
                    let one = stream::iter([Ok(location)]).boxed();
                    let done = inner.store.delete_stream(one).next().await.unwrap_or_else(|| Err(unavailable()));
                    inner.end(fault, done)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix) = (Arc::clone(&self.0), prefix.cloned());
        stream::once(async move {
            let path = prefix.clone().unwrap_or_default();
            match inner.begin(Kind::List, &path).await.and_then(|fault| inner.end(fault, Ok(()))) {
                Ok(()) => inner.store.list(prefix.as_ref()),
                Err(failure) => stream::iter([Err(failure)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.0.careless {
            return self.list(prefix);
        }
        let offset = offset.clone();
        self.list(prefix).try_filter(move |meta| std::future::ready(meta.location > offset)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.0.begin(Kind::List, &prefix.cloned().unwrap_or_default()).await?;
        let done = self.0.store.list_with_delimiter(prefix).await;
        self.0.end(fault, done)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fault = self.0.begin(Kind::Write, to).await?;
        let done = self.0.store.copy_opts(from, to, options).await;
        self.0.end(fault, done)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let fault = self.0.begin(Kind::Write, to).await?;
        let done = self.0.store.rename_opts(from, to, options).await;
        self.0.end(fault, done)
    }
}

struct FaultUpload {
    upload: Box<dyn MultipartUpload>,
    inner: Arc<Inner>,
    location: Path,
}

impl fmt::Debug for FaultUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultUpload").field("location", &self.location).finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (inner, location) = (Arc::clone(&self.inner), self.location.clone());
        let part = self.upload.put_part(data);
        Box::pin(async move {
            let fault = inner.begin(Kind::Write, &location).await?;
            inner.end(fault, part.await)
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fault = self.inner.begin(Kind::Write, &self.location).await?;
        let done = self.upload.complete().await;
        self.inner.end(fault, done)
    }

    async fn abort(&mut self) -> Result<()> {
        let fault = self.inner.begin(Kind::Delete, &self.location).await?;
        let done = self.upload.abort().await;
        self.inner.end(fault, done)
    }
}
