//! Strategy `full`: the query over all of its inputs, staged and checked.

use cxmill_ledger::Names;

use crate::error::EngineError;
use crate::session::model_query;
use crate::stage::{StageRequest, stage};
use crate::strategy::work::{Done, Work};

/// Builds a model from all of its inputs and checks the staged rows. A stop drops the query at once.
pub(crate) async fn build(work: Work<'_>, names: &Names) -> Result<Done, EngineError> {
    let Work { run, model, models, .. } = work;
    let written = work.written()?;
    let given = work.given().await?;
    let bytes_read = given.iter().flat_map(|input| &input.files).map(|file| file.bytes).sum();
    let attempt = async {
        let ctx = work.session(&given)?;
        let query = model_query(&ctx, &run.context.project, &model.name, work.instant(), &model.schema).await?;
        let request = StageRequest {
            model: written,
            compiled: model,
            names,
            root: run.state(),
            previous: models.get(&model.name),
            anew: work.anew(),
            kept: &[],
            now: run.context.now,
        };
        let staged = Box::pin(stage(query, request)).await?;
        let checks = work.check(&ctx, &staged.files).await?;
        Ok(Done { staged: Some(staged), checks, bytes_read, ..Done::default() })
    };
    work.settle(attempt, &given).await
}

/// Judges the checks of a model on the rows that stand. A stop drops the queries at once.
pub(crate) async fn judge(work: Work<'_>) -> Result<Done, EngineError> {
    let files = work.models.get(&work.model.name).map_or(&[][..], |state| &state.files);
    let given = work.given().await?;
    let attempt = async {
        let ctx = work.session(&given)?;
        Ok(Done { checks: work.check(&ctx, files).await?, ..Done::default() })
    };
    work.settle(attempt, &given).await
}
