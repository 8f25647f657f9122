//! The functions without any pipeline: register them in a DataFusion session and ask.
//!
//! `cargo run -p cxmill-functions --example nps`

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

#[tokio::main]
async fn main() -> Result<()> {
    let mut ctx = SessionContext::new();
    cxmill_functions::register_all(&mut ctx)?;
    let scores = ctx
        .sql(
            "SELECT channel, local_month(answered_at, 'Europe/Rome') AS month, count(score) AS answers, nps(score) AS nps,
                    nps_interval(score, 0.95) AS interval
             FROM (VALUES ('web', TIMESTAMP '2026-01-31T23:30:00Z', 10),
                          ('web', TIMESTAMP '2026-02-10T09:00:00Z', 9),
                          ('web', TIMESTAMP '2026-02-11T10:00:00Z', 4),
                          ('store', TIMESTAMP '2026-02-12T11:00:00Z', 8),
                          ('store', TIMESTAMP '2026-02-13T12:00:00Z', NULL)) AS answers(channel, answered_at, score)
             GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .await?;
    scores.show().await
}
