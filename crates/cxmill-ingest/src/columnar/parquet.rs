//! Reader of Parquet files: one row group at a time, only the declared columns.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use cxmill_spec::{Source, UnknownFields};
use futures::FutureExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;

use super::{StoredObject, guarded, land_batch};
use crate::compress::Decompressor;
use crate::land::{Fetcher, Outlet, Stop, Work, damage};

/// Reads one file.
pub(crate) async fn read(work: &Arc<Work>, fetcher: Fetcher, outlet: &Outlet) -> Result<(), Stop> {
    if fetcher.file.size == 0 {
        return Ok(());
    }
    if !Decompressor::new(fetcher.file.path.as_ref()).is_plain() {
        // Its index stands at its end: to read a part, all of it would have to be opened and held.
        let message = "a Parquet file cannot be read out of another compression (.gz, .zst, .bz2); it is compressed within, \
                       so deliver it as it is";
        return Ok(outlet.damaged(damage(1, 0, message.to_owned())).await?);
    }
    let object = StoredObject::raw(fetcher.clone());
    let failure = object.failure();
    let mut row = 1;
    match read_groups(work, object, outlet, &mut row).await {
        Ok(()) => Ok(()),
        Err(Ended::Stopped(stop)) => Err(stop),
        Err(Ended::Failed(reason)) => match failure.take() {
            Some(error) => Err(fetcher.fail(error).into()),
            None => {
                let message = format!("the Parquet file is damaged from row {row} on: {reason}");
                Ok(outlet.damaged(damage(row, 0, message)).await?)
            }
        },
    }
}

enum Ended {
    Stopped(Stop),
    /// The file could not be read on: by its store's fault or by its own.
    Failed(String),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<ParquetError> for Ended {
    fn from(error: ParquetError) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn read_groups(work: &Arc<Work>, object: StoredObject, outlet: &Outlet, row: &mut u64) -> Result<(), Ended> {
    let opened = catch(ParquetRecordBatchStreamBuilder::new(object)).await?;
    let mask = projection(&work.source, opened.parquet_schema());
    let mut groups = opened.with_projection(mask).with_batch_size(work.limits.rows).build()?;
    while let Some(mut group) = catch(groups.next_row_group()).await? {
        loop {
            let next = work.cpu.read(move || next_batch(group)).done().await.map_err(Stop::from)?;
            let Some((batch, rest)) = next.map_err(Ended::Failed)? else { break };
            group = rest;
            let (first_row, rows, bytes) = (*row, batch.num_rows() as u64, batch.get_array_memory_size());
            let task = Arc::clone(work);
            outlet.decode(bytes, move || land_batch(&task, &batch, first_row)).await.map_err(Stop::from)?;
            *row += rows;
        }
    }
    Ok(())
}

type Next = Option<(RecordBatch, ParquetRecordBatchReader)>;

fn next_batch(mut group: ParquetRecordBatchReader) -> Result<Next, String> {
    guarded(move || match group.next() {
        None => Ok(None),
        Some(Ok(batch)) => Ok(Some((batch, group))),
        Some(Err(error)) => Err(error.to_string()),
    })
}

/// A read whose panic is damage, as in [`guarded`].
async fn catch<T>(read: impl Future<Output = Result<T, ParquetError>> + Send) -> Result<T, Ended> {
    match AssertUnwindSafe(read).catch_unwind().await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Ended::Failed("its bytes contradict each other".to_owned())),
    }
}

/// The top-level columns that the contract reads; all of them where unknown ones must be seen.
fn projection(source: &Source, schema: &SchemaDescriptor) -> ProjectionMask {
    if source.unknown_fields == UnknownFields::Reject {
        return ProjectionMask::all();
    }
    let declared =
        |name: &str| source.columns.iter().any(|column| column.from.first().is_some_and(|from| from == name));
    let roots = schema.root_schema().get_fields().iter().enumerate();
    ProjectionMask::roots(schema, roots.filter(|(_, field)| declared(field.name())).map(|(index, _)| index))
}
