//! How long subscribers stay: the curve of those seen so far, and the projection of a fitted model beside it.
//!
//! `cargo run -p cxmill-functions --example survival`

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

#[tokio::main]
async fn main() -> Result<()> {
    let mut ctx = SessionContext::new();
    cxmill_functions::register_all(&mut ctx)?;
    // Of 1,000 subscribers these left after each of seven years; 491 are still there.
    let subscribers = ctx
        .sql(
            "SELECT years, has_left
             FROM (VALUES (1, true, 131), (2, true, 126), (3, true, 90), (4, true, 60), (5, true, 42), (6, true, 34),
                          (7, true, 26), (7, false, 491)) AS tenures(years, has_left, subscribers)
             JOIN generate_series(1, 491) AS subscriber(number) ON number <= subscribers",
        )
        .await?;
    ctx.register_table("subscribers", subscribers.into_view())?;
    let curve = ctx
        .sql(
            "WITH fitted AS (SELECT sbg_fit(years, has_left) AS fit FROM subscribers),
                  seen AS (SELECT unnest(kaplan_meier(years, has_left, 0.95)) AS point FROM subscribers)
             SELECT year, point['survival'] AS seen, point['low'] AS low, point['high'] AS high,
                    sbg_survival(fit, year) AS projected, sbg_derl(fit, 0.1, year) AS renewals_to_come
             FROM generate_series(1, 12) AS years(year)
             CROSS JOIN fitted
             LEFT JOIN seen ON point['time'] = year
             ORDER BY year",
        )
        .await?;
    curve.show().await
}
