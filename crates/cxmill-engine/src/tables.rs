//! Tables over explicit Parquet objects: landed rows, committed or staged results, published files.
//!
//! The ledger knows every object with its size, so nothing is listed, no object is asked for its head and no schema is
//! inferred: the declared schema holds, columns that an older object lacks read as NULL, and hidden columns are not seen.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics, project_schema};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::SessionContext;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

/// Bytes fetched with the footer of an object, so that most footers take one request.
const FOOTER_HINT: usize = 64 << 10;

/// One object of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    /// Path in the store.
    pub(crate) path: Path,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Rows.
    pub(crate) rows: u64,
}

/// A table over explicit objects of one store.
#[derive(Debug)]
struct FileTable {
    schema: SchemaRef,
    store: ObjectStoreUrl,
    files: Vec<TableFile>,
}

/// Registers a table over these objects. `root` tells stores apart within the session (`state`, `output`).
pub(crate) fn register(
    ctx: &SessionContext,
    name: &str,
    schema: SchemaRef,
    root: &str,
    store: &Arc<dyn ObjectStore>,
    files: Vec<TableFile>,
) -> Result<()> {
    ctx.register_table(name, table(ctx, schema, root, store, files)?)?;
    Ok(())
}

/// A table over these objects, without a name. `root` tells stores apart within the session.
pub(crate) fn table(
    ctx: &SessionContext,
    schema: SchemaRef,
    root: &str,
    store: &Arc<dyn ObjectStore>,
    files: Vec<TableFile>,
) -> Result<Arc<dyn TableProvider>> {
    let url = ObjectStoreUrl::parse(format!("cxmill://{root}"))?;
    ctx.register_object_store(url.as_ref(), Arc::clone(store));
    Ok(Arc::new(FileTable { schema, store: url, files }))
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters prune row groups and pages; the rows that are left are still filtered above the scan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files: Vec<PartitionedFile> = self.files.iter().filter(|file| file.rows > 0).map(partitioned).collect();
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        let source = ParquetSource::new(TableSchema::builder(Arc::clone(&self.schema)).build())
            .with_table_parquet_options(options);
        let mut statistics = Statistics::new_unknown(&self.schema);
        // Sizes steer the order of joins; they are never taken for an answer.
        statistics.num_rows = Precision::Inexact(as_usize(self.files.iter().map(|file| file.rows).sum()));
        statistics.total_byte_size = Precision::Inexact(as_usize(self.files.iter().map(|file| file.bytes).sum()));
        let scan = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(state.config().target_partitions().max(1)))
            .with_statistics(statistics)
            .with_limit(if filters.is_empty() { limit } else { None })
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

fn partitioned(file: &TableFile) -> PartitionedFile {
    PartitionedFile::new_from_meta(ObjectMeta {
        location: file.path.clone(),
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: file.bytes,
        e_tag: None,
        version: None,
    })
    .with_metadata_size_hint(FOOTER_HINT)
}

fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
