//! How far visitors get within a day, and their sessions.
//!
//! `cargo run -p cxmill-functions --example funnel`

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

#[tokio::main]
async fn main() -> Result<()> {
    let mut ctx = SessionContext::new();
    cxmill_functions::register_all(&mut ctx)?;
    let visits = ctx
        .sql(
            "SELECT * FROM (VALUES ('ann', TIMESTAMP '2026-03-01T09:00:00', 'product'),
                                   ('ann', TIMESTAMP '2026-03-01T09:04:00', 'cart'),
                                   ('ann', TIMESTAMP '2026-03-01T20:15:00', 'checkout'),
                                   ('bob', TIMESTAMP '2026-03-01T10:00:00', 'cart'),
                                   ('bob', TIMESTAMP '2026-03-03T10:00:00', 'product')) AS visits(customer, at, page)",
        )
        .await?;
    ctx.register_table("visits", visits.into_view())?;
    let funnels = ctx
        .sql(
            "SELECT customer,
                    funnel(INTERVAL '1 day', at, page = 'product', page = 'cart', page = 'checkout') AS steps,
                    funnel_times(INTERVAL '1 day', at, page = 'product', page = 'cart', page = 'checkout') AS times
             FROM visits GROUP BY customer ORDER BY customer",
        )
        .await?;
    funnels.show().await?;
    let sessions = ctx
        .sql(
            "SELECT customer, at, page,
                    session_id(at, INTERVAL '30 minutes') OVER (PARTITION BY customer ORDER BY at) AS session
             FROM visits ORDER BY customer, at",
        )
        .await?;
    sessions.show().await
}
