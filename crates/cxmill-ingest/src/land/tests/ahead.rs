//! Landed objects that rows are held against are opened several at a time.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};
use tokio::sync::Barrier;

use super::*;

/// A store that tells of a landed object only when another one is asked for beside it.
#[derive(Debug)]
struct InPairs {
    inner: InMemory,
    pair: Barrier,
}

impl std::fmt::Display for InPairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InPairs")
    }
}

#[async_trait]
impl ObjectStore for InPairs {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.pair.wait().await;
        }
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn landed_objects_are_opened_several_at_a_time() {
    let mut bench = Bench::new(Source { unique_within: UniqueWithin::All, ..answers(Format::Ndjson) });
    bench.state = Arc::new(InPairs { inner: InMemory::new(), pair: Barrier::new(2) });
    let days: String = (1..=4).map(|day| line(&format!("d{day}"), &format!("2026-01-0{day}T10:00:00Z"), 1)).collect();
    bench.land(&[("1.ndjson", days.as_bytes())]).await.unwrap();
    assert_eq!(bench.landed.len(), 4);
    let again = line("d2", "2026-01-09T10:00:00Z", 1) + &line("e", "2026-01-09T10:00:00Z", 1);
    let landing = tokio::time::timeout(Duration::from_secs(60), bench.land(&[("2.ndjson", again.as_bytes())])).await;
    let landing = landing.expect("one is not waited for before the next is opened").unwrap();
    assert_eq!((landing.files[0].accepted, landing.files[0].duplicate), (1, 1));
}
