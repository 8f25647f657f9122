//! The rows of a group of partitions: by one query, or slice by slice.

use cxmill_ledger::ModelState;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, SessionContext};

use super::cut::{Cut, Group};
use super::slices::Slices;
use super::{standing, within};
use crate::error::EngineError;
use crate::session::model_query;
use crate::stage::Failure;
use crate::strategy::work::{Input, Work};

/// Computes groups of partitions of a model, one after another.
#[derive(Debug)]
pub(super) struct Compute<'a> {
    pub(super) work: Work<'a>,
    pub(super) cut: Cut<'a>,
    /// Where the model stands.
    pub(super) previous: Option<&'a ModelState>,
    /// Stored bytes of rows that one query reads at most, where one day needs no more.
    pub(super) max_bytes: u64,
    /// Stored bytes that were read.
    pub(super) bytes_read: u64,
}

/// The rows of a group, to be run. What they are read from is kept with them.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) rows: DataFrame,
    pub(super) slices: Option<Slices>,
}

impl Compute<'_> {
    /// All rows of the partitions of a group, those of days that stay as they are with them.
    pub(super) async fn rows(&mut self, group: &Group<'_>) -> Result<Computed, Failure> {
        let standing = standing(self.cut, std::slice::from_ref(group), self.previous);
        let standing = match standing.as_slice() {
            [] => None,
            files => Some(self.work.published(&self.work.model.name, files)?),
        };
        let slices = self.cut.slices(group, self.max_bytes);
        let (ctx, computed) = if slices.is_empty() {
            let mut given = self.given(group).await?;
            given.extend(standing.clone());
            let ctx = self.session(&given)?;
            let rows = self.query(&ctx, group).await?;
            (ctx, Computed { rows, slices: None })
        } else {
            let mut kept = Slices::new(self.work.room.scratch, &self.work.model.schema)?;
            for slice in &slices {
                self.work.run.go_on()?;
                let given = self.given(slice).await?;
                let ctx = self.session(&given)?;
                let rows = self.query(&ctx, slice).await?;
                Box::pin(kept.add(rows)).await?;
            }
            let ctx = self.session(standing.as_slice())?;
            (ctx.clone(), Computed { rows: kept.rows(&ctx)?, slices: Some(kept) })
        };
        if standing.is_none() {
            return Ok(computed);
        }
        let standing = ctx.table(TableReference::bare(self.work.model.name.as_str())).await?;
        let stays = self.within(group)?.is_not_true();
        Ok(Computed { rows: computed.rows.union(standing.filter(stays)?)?, ..computed })
    }

    /// A session over these tables, which are about to be read.
    fn session(&mut self, given: &[Input<'_>]) -> Result<SessionContext, DataFusionError> {
        self.bytes_read += given.iter().flat_map(|input| &input.files).map(|file| file.bytes).sum::<u64>();
        self.work.session(given)
    }

    /// What the model reads: of that whose dates count, the files that these partitions or days need.
    async fn given<'g>(&self, group: &Group<'g>) -> Result<Vec<Input<'g>>, EngineError>
    where
        Self: 'g,
    {
        let mut given = Vec::new();
        for name in self.work.inputs {
            given.push(match group.files.get(*name) {
                Some(files) => self.work.dated(name, files)?,
                None if self.cut.dated().any(|dated| dated == *name) => self.work.dated(name, &[])?,
                None => self.work.input(name).await?,
            });
        }
        Ok(given)
    }

    /// The rows of these partitions or days alone.
    async fn query(&self, ctx: &SessionContext, group: &Group<'_>) -> Result<DataFrame, DataFusionError> {
        let Work { run, model, .. } = self.work;
        let query = model_query(ctx, &run.context.project, &model.name, self.work.instant(), &model.schema).await?;
        query.filter(self.within(group)?)
    }

    /// Whether a row belongs to one of the days of these partitions that are computed.
    fn within(&self, group: &Group<'_>) -> Result<Expr, DataFusionError> {
        let day = self.work.model.schema.field_with_name(self.cut.column())?;
        Ok(within(day.name(), day.data_type(), std::slice::from_ref(group)))
    }
}
