//! What customers are worth: orders to recency and frequency, two fitted models, then purchases, probability alive and value.
//!
//! `cargo run -p cxmill-functions --example value`

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

#[tokio::main]
async fn main() -> Result<()> {
    let mut ctx = SessionContext::new();
    cxmill_functions::register_all(&mut ctx)?;
    // Forty customers; the n-th bought every n-th or so week since he came, and every third left after a while.
    let orders = ctx
        .sql(
            "SELECT customer, DATE '2025-01-06' + CAST(7 * (customer % 9 + visit * (1 + customer % 7)) AS INT) AS day,
                    20.0 + customer * 13 % 31 + visit % 3 AS amount
             FROM generate_series(1, 40) AS customers(customer)
             CROSS JOIN generate_series(0, 30) AS visits(visit)
             WHERE visit = 0 OR visit * (1 + customer % 7) < CASE WHEN customer % 3 = 0 THEN 12 ELSE 40 END",
        )
        .await?;
    ctx.register_table("orders", orders.into_view())?;
    let customers = ctx
        .sql(
            "SELECT customer, r['frequency'] AS x, r['recency'] AS t_x, r['age'] AS t, r['monetary'] AS monetary
             FROM (SELECT customer, rfm(day, amount, DATE '2025-12-29', 'week') AS r FROM orders GROUP BY customer)",
        )
        .await?;
    ctx.register_table("customers", customers.into_view())?;
    let scores = ctx
        .sql(
            "WITH fits AS (SELECT bgnbd_fit(x, t_x, t) AS purchases, gamma_gamma_fit(x, monetary) AS spend FROM customers)
             SELECT customer, x, t_x, t, round(bgnbd_alive(purchases, x, t_x, t), 3) AS alive,
                    round(bgnbd_purchases(purchases, 13, x, t_x, t), 2) AS in_a_quarter,
                    round(gamma_gamma_value(spend, x, monetary), 2) AS each,
                    round(clv(purchases, spend, x, t_x, t, monetary, 52, 0.002), 2) AS in_a_year
             FROM customers CROSS JOIN fits ORDER BY in_a_year DESC LIMIT 10",
        )
        .await?;
    scores.show().await
}
