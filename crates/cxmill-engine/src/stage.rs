//! The staging sink: a model's result as one Parquet object a partition, under names that nobody reads.
//!
//! ```text
//! query ── sort: partition, sort_by, ties ── cut ─┬─ month=2026-01/part-0.parquet   closed before the next is opened
//!                                                 └─ month=2026-02/part-0.parquet
//! ```
//! Rows arrive sorted by partition, so one writer is open at a time and memory is bounded by one row group, whatever the
//! number of partitions. (DataFusion's partitioned sink keeps a writer a partition, cannot spill, and leaves files behind
//! when it fails.) The sort is total over the grain, or else over every column that has an order, so the same rows make the
//! same file on any number of threads. A partition whose rows equal those of the last commit keeps its committed object:
//! the new one is dropped before it is complete.
//!
//! A result without rows still makes one file, so that a reader's glob finds the columns. A partition that had rows and has none
//! now is emptied: its file stays, without rows, for readers that have listed the folder and have yet to open it. A build an hour
//! later drops it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ledger::{ModelState, Names, OutputRoot, PublishedFile};
use cxmill_spec::Model;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, SortExpr};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::compile::CompiledModel;
use crate::content::ContentHash;
use crate::error::EngineError;
use crate::partition::Partitioning;
use crate::publish::in_grace;
use crate::roots::path_of;
use crate::session;

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 128 << 10;
/// Encoded bytes of a row group at most, so that wide rows stay bounded too.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Objects up to this many bytes are put at once; larger ones go up in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at the same time.
const PARTS_UNDER_WAY: usize = 2;

/// What is staged, for which model, and where to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageRequest<'a> {
    /// The model as written.
    pub(crate) model: &'a Model,
    /// The model as compiled.
    pub(crate) compiled: &'a CompiledModel,
    /// Names of this run.
    pub(crate) names: &'a Names,
    /// The state root.
    pub(crate) root: &'a OutputRoot,
    /// The model's last committed state.
    pub(crate) previous: Option<&'a ModelState>,
    /// Whether even results that are committed already are written once more: they may be lost.
    pub(crate) anew: bool,
    /// Files of the last commit that stay: the query gives no row of their partitions.
    pub(crate) kept: &'a [PublishedFile],
    /// The time of the run.
    pub(crate) now: DateTime<Utc>,
}

/// Why a result could not be staged or checked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The query failed.
    Query(DataFusionError),
    /// Something else did.
    Engine(EngineError),
}

/// A staged result: all of its files, new and kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Staged {
    /// Files sorted by published name.
    pub(crate) files: Vec<PublishedFile>,
    /// Rows in all of them.
    pub(crate) rows: u64,
    /// Files that were written anew.
    pub(crate) written: u64,
    /// Bytes of those.
    pub(crate) bytes_written: u64,
    /// Whether a reader will see any difference to the last commit.
    pub(crate) changed: bool,
}

/// Runs the query and stages its rows.
pub(crate) async fn stage(query: DataFrame, request: StageRequest<'_>) -> Result<Staged, Failure> {
    let mut staging = Staging::new(request)?;
    staging.add(query).await?;
    staging.finish().await
}

/// A result that is staged piece by piece; no two pieces have rows of one partition.
pub(crate) struct Staging<'a> {
    request: StageRequest<'a>,
    partitioning: Partitioning,
    properties: WriterProperties,
    staged: Staged,
}

impl<'a> Staging<'a> {
    /// A result with the files that stay.
    pub(crate) fn new(request: StageRequest<'a>) -> Result<Self, Failure> {
        let partitioning = Partitioning::new(&request.model.output, &request.compiled.schema)?;
        let kept_rows = request.kept.iter().map(|file| file.rows).sum();
        let staged = Staged { files: request.kept.to_vec(), rows: kept_rows, ..Staged::default() };
        Ok(Self { request, partitioning, properties: properties(request), staged })
    }

    /// Runs a query and stages its rows.
    pub(crate) async fn add(&mut self, query: DataFrame) -> Result<(), Failure> {
        let Self { request, partitioning, properties, staged } = self;
        let (request, schema) = (*request, &request.compiled.schema);
        // Under a name of its own the result is a table of plain columns; the sort then cannot reach into the query.
        let order = order(request.model, partitioning, schema);
        let query = query.alias("staged")?;
        let sorted = if order.is_empty() { query } else { query.sort(order)? };
        let mut rows = session::rows(sorted).await?;
        let mut open: Option<Writer> = None;
        while let Some(batch) = rows.next().await {
            let batch =
                RecordBatch::try_new(Arc::clone(schema), batch?.columns().to_vec()).map_err(DataFusionError::from)?;
            for (range, published) in partitioning.cut(&batch)? {
                if open.as_ref().is_none_or(|writer| writer.published != published) {
                    if let Some(writer) = open.take() {
                        close(writer, request, staged).await?;
                    }
                    open = Some(Writer::open(published, request, properties)?);
                }
                if let Some(writer) = &mut open {
                    writer.write(&batch.slice(range.start, range.len()), request).await?;
                }
            }
        }
        match open {
            Some(writer) => Ok(close(writer, request, staged).await?),
            None => Ok(()),
        }
    }

    /// The whole result.
    pub(crate) async fn finish(self) -> Result<Staged, Failure> {
        let Self { request, partitioning, properties, mut staged } = self;
        if staged.files.is_empty() {
            let writer = Writer::open(partitioning.empty_name(), request, &properties)?;
            close(writer, request, &mut staged).await?;
        }
        for published in emptied(request, &staged.files) {
            close(Writer::open(published, request, &properties)?, request, &mut staged).await?;
        }
        staged.files.sort_by(|a, b| a.published.cmp(&b.published));
        let names: BTreeSet<&str> = staged.files.iter().map(|file| file.published.as_str()).collect();
        if names.len() != staged.files.len() {
            let message = format!("model {}: rows of one partition arrived apart", request.model.name);
            return Err(EngineError::Bug(message).into());
        }
        staged.changed = request.previous.is_none_or(|previous| !same_rows(&previous.files, &staged.files));
        Ok(staged)
    }
}

/// Whether two lists of files hold the same rows under the same names.
fn same_rows(one: &[PublishedFile], other: &[PublishedFile]) -> bool {
    fn rows(files: &[PublishedFile]) -> impl Iterator<Item = (&str, &str)> {
        files.iter().filter(|file| file.rows > 0).map(|file| (file.published.as_str(), file.content.as_str()))
    }
    rows(one).eq(rows(other))
}

/// Published names that stay, without rows: those of partitions that have lost their rows, unless that was long ago.
fn emptied(request: StageRequest<'_>, staged: &[PublishedFile]) -> Vec<String> {
    let names: BTreeSet<&str> = staged.iter().map(|file| file.published.as_str()).collect();
    let before = request.previous.map_or(&[][..], |previous| &previous.files);
    let lately = |file: &&PublishedFile| file.emptied_at.is_none_or(|emptied| in_grace(emptied, request.now));
    let gone = before.iter().filter(|file| !names.contains(file.published.as_str())).filter(lately);
    gone.map(|file| file.published.clone()).collect()
}

/// One object being written.
struct Writer {
    published: String,
    parquet: AsyncArrowWriter<BufWriter>,
    content: ContentHash,
    rows: u64,
}

impl Writer {
    fn open(published: String, request: StageRequest<'_>, properties: &WriterProperties) -> Result<Self, EngineError> {
        let name = request.names.result(&request.model.name, &published);
        let path = path_of(request.root, name.as_str())?;
        let schema = &request.compiled.schema;
        let content = ContentHash::new(schema).map_err(|error| EngineError::query(&request.model.name, &error))?;
        let parquet =
            parquet_writer(&request.root.store, path, schema, properties).map_err(|error| writing(request, &error))?;
        Ok(Self { published, parquet, content, rows: 0 })
    }

    async fn write(&mut self, rows: &RecordBatch, request: StageRequest<'_>) -> Result<(), EngineError> {
        self.content.update(rows).map_err(|error| EngineError::query(&request.model.name, &error))?;
        self.rows += rows.num_rows() as u64;
        self.parquet.write(rows).await.map_err(|error| writing(request, &error))
    }
}

/// Completes an object, or drops it where the last commit has the same rows under the same name.
async fn close(writer: Writer, request: StageRequest<'_>, staged: &mut Staged) -> Result<(), EngineError> {
    let Writer { published, mut parquet, content, rows } = writer;
    let content = content.finish();
    staged.rows += rows;
    let committed = request.previous.and_then(|state| state.files.iter().find(|file| file.published == published));
    if let Some(committed) = committed.filter(|file| file.content == content && !request.anew) {
        staged.files.push(committed.clone());
        let mut upload = parquet.into_inner();
        if let Err(error) = upload.abort().await {
            // Nobody reads the object; what is left of it is garbage that the end of the run collects.
            tracing::debug!(%error, "an unneeded result was not dropped");
        }
        return Ok(());
    }
    parquet.finish().await.map_err(|error| writing(request, &error))?;
    let bytes = parquet.bytes_written() as u64;
    staged.written += 1;
    staged.bytes_written += bytes;
    staged.files.push(PublishedFile {
        result: request.names.result(&request.model.name, &published),
        published,
        rows,
        bytes,
        content,
        epoch: request.names.epoch,
        emptied_at: (rows == 0).then_some(request.now),
    });
    Ok(())
}

/// A writer of a Parquet object that appears when it is complete.
pub(crate) fn parquet_writer(
    store: &Arc<dyn ObjectStore>,
    path: object_store::path::Path,
    schema: &SchemaRef,
    properties: &WriterProperties,
) -> Result<AsyncArrowWriter<BufWriter>, ParquetError> {
    let upload = BufWriter::with_capacity(Arc::clone(store), path, PART_BYTES).with_max_concurrency(PARTS_UNDER_WAY);
    AsyncArrowWriter::try_new(upload, Arc::clone(schema), Some(properties.clone()))
}

/// How Parquet objects are written, whatever is in them.
pub(crate) fn parquet_properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by("cxmill".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
}

/// The order of a table: partition, then `sort_by` (or else the grain), then what is needed to leave no tie.
fn order(model: &Model, partitioning: &Partitioning, schema: &SchemaRef) -> Vec<SortExpr> {
    let mut order = partitioning.order();
    let mut seen = BTreeSet::new();
    let grain = model.grain.iter().map(String::as_str);
    let rest = schema.fields().iter().map(|field| field.name().as_str());
    // The grain tells all rows apart; only without one do the other columns have to break ties.
    let ties: Vec<&str> = if model.grain.is_empty() { rest.collect() } else { grain.collect() };
    for name in model.output.sort_by.iter().map(String::as_str).chain(ties) {
        let Ok(field) = schema.field_with_name(name) else { continue };
        if seen.insert(name) {
            flatten(Expr::Column(Column::from_name(name)), field.data_type(), &mut order);
        }
    }
    order.into_iter().map(|expr| expr.sort(true, true)).collect()
}

/// A column as expressions that have an order: a struct is ordered by its fields; lists and maps have none.
fn flatten(column: Expr, data_type: &DataType, order: &mut Vec<Expr>) {
    match data_type {
        DataType::Struct(fields) => {
            for field in fields {
                let value = datafusion::functions::core::expr_fn::get_field(column.clone(), field.name().as_str());
                flatten(value, field.data_type(), order);
            }
        }
        nested if nested.is_nested() => {}
        _ => order.push(column),
    }
}

fn properties(request: StageRequest<'_>) -> WriterProperties {
    let metadata = [
        ("cxmill.epoch", request.names.epoch.0.to_string()),
        ("cxmill.model", request.model.name.clone()),
        ("cxmill.fingerprint", request.compiled.fingerprint.clone()),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let sorting = sorting(request.model, &request.compiled.schema);
    parquet_properties()
        .set_key_value_metadata(Some(metadata))
        .set_sorting_columns((!sorting.is_empty()).then_some(sorting))
        .build()
}

/// The order within each file as Parquet states it: leaf columns by number, up to the first column that is nested.
fn sorting(model: &Model, schema: &SchemaRef) -> Vec<SortingColumn> {
    let columns = if model.output.sort_by.is_empty() { &model.grain } else { &model.output.sort_by };
    let leaf = |name: &String| {
        let index = schema.index_of(name).ok().filter(|index| !schema.field(*index).data_type().is_nested())?;
        let before: usize = schema.fields().iter().take(index).map(|field| leaves(field.data_type())).sum();
        i32::try_from(before).ok()
    };
    columns
        .iter()
        .map_while(leaf)
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect()
}

/// Number of Parquet columns of a type.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => leaves(field.data_type()),
        _ => 1,
    }
}

fn writing(request: StageRequest<'_>, error: &ParquetError) -> EngineError {
    let place = format!("results of model {} to {}", request.model.name, request.root.shown);
    EngineError::store("writing", &place, error, "look at `state`, its permissions and its free space".to_owned())
}
