//! The states of a model as Parquet objects: one for each partition of the output that shows their groups.
//!
//! Where a partition column of the output is not one of the keys as they are, a group's partition is not known before it is
//! finished; then all states of the model stand in one object, under the name of an output without partitions.

use std::sync::Arc;

use cxmill_incremental::Split;
use cxmill_ledger::{ObjectName, OutputRoot, StateFile};
use cxmill_spec::{Model, Output};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::compile::query;
use crate::error::EngineError;
use crate::partition::Partitioning;
use crate::roots::path_of;
use crate::session;
use crate::stage::{Failure, parquet_properties, parquet_writer};

/// Writes states.
pub(super) struct Keeper<'a> {
    model: &'a str,
    root: &'a OutputRoot,
    schema: SchemaRef,
    partitioning: Partitioning,
    as_output: bool,
    properties: WriterProperties,
}

impl<'a> Keeper<'a> {
    /// A keeper of the states of `split`, the query of a model that is published with the columns of `published`.
    pub(super) fn new(
        model: &'a Model,
        split: &Split,
        published: &SchemaRef,
        root: &'a OutputRoot,
    ) -> Result<Self, DataFusionError> {
        let schema = Arc::clone(split.state_schema());
        let keys = query::keys_of_partitions(split, &model.output, published);
        let as_output = keys.is_some();
        let partitioning = match keys {
            Some(keys) => Partitioning::by(&model.output, &keys, &schema)?,
            None => Partitioning::new(&Output::default(), &schema)?,
        };
        let properties = parquet_properties().build();
        Ok(Self { model: &model.name, root, schema, partitioning, as_output, properties })
    }

    /// Whether each object of states holds the groups of one published file.
    pub(super) fn as_output(&self) -> bool {
        self.as_output
    }

    /// Writes the states that a query gives, each partition under the name that `name` makes of it; sorted by partition.
    pub(super) async fn keep(
        &self,
        states: DataFrame,
        name: impl Fn(&str) -> ObjectName,
    ) -> Result<Vec<StateFile>, Failure> {
        // Under a name of its own the result is a table of plain columns; the sort then cannot reach into the query.
        let mut states = states.alias("states")?;
        let order = self.partitioning.order();
        if !order.is_empty() {
            states = states.sort(order.into_iter().map(|expr| expr.sort(true, true)).collect())?;
        }
        let mut rows = session::rows(states).await?;
        let mut kept = Vec::new();
        let mut open: Option<Writer> = None;
        while let Some(batch) = rows.next().await {
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch?.columns().to_vec())
                .map_err(DataFusionError::from)?;
            for (range, partition) in self.partitioning.cut(&batch)? {
                if open.as_ref().is_none_or(|writer| writer.file.partition != partition) {
                    if let Some(writer) = open.take() {
                        kept.push(self.close(writer).await?);
                    }
                    let name = name(&partition);
                    open = Some(self.open(partition, name)?);
                }
                if let Some(writer) = &mut open {
                    writer.file.rows += range.len() as u64;
                    let rows = batch.slice(range.start, range.len());
                    writer.parquet.write(&rows).await.map_err(|error| self.writing(&error))?;
                }
            }
        }
        if let Some(writer) = open {
            kept.push(self.close(writer).await?);
        }
        kept.sort_by(|a, b| a.partition.cmp(&b.partition));
        if kept.windows(2).any(|pair| matches!(pair, [a, b] if a.partition == b.partition)) {
            return Err(EngineError::Bug(format!("model {}: states of one partition arrived apart", self.model)).into());
        }
        Ok(kept)
    }

    fn open(&self, partition: String, name: ObjectName) -> Result<Writer, EngineError> {
        let path = path_of(self.root, name.as_str())?;
        let parquet = parquet_writer(&self.root.store, path, &self.schema, &self.properties);
        let parquet = parquet.map_err(|error| self.writing(&error))?;
        Ok(Writer { file: StateFile { partition, name, rows: 0, bytes: 0 }, parquet })
    }

    async fn close(&self, writer: Writer) -> Result<StateFile, EngineError> {
        let Writer { mut file, mut parquet } = writer;
        parquet.finish().await.map_err(|error| self.writing(&error))?;
        file.bytes = parquet.bytes_written() as u64;
        Ok(file)
    }

    fn writing(&self, error: &ParquetError) -> EngineError {
        let place = format!("states of model {} to {}", self.model, self.root.shown);
        EngineError::store("writing", &place, error, "look at `state`, its permissions and its free space".to_owned())
    }
}

/// One object being written.
struct Writer {
    file: StateFile,
    parquet: AsyncArrowWriter<BufWriter>,
}
