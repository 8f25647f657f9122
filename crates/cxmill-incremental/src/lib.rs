//! Aggregates whose states can be kept, combined and finished later, for DataFusion.
//!
//! An aggregate over years of rows need not be computed from years of rows. This crate takes an aggregate apart: the **state**
//! of the rows of one day, states **combined** over days, and a state **finished** into the value. [`split`] does so with a whole
//! query, and promises:
//!
//! > for any split of the rows into parts, finishing the combined states of the parts gives what the query gives over all rows;
//! > exactly for integers, decimals and text, to 1e-9 for doubles.
//!
//! Where SQL leaves the result open (ties of ORDER BY inside a call, `any_value`, `array_agg` without ORDER BY) the value decides
//! and never the order of arrival, so the result does not depend on the split either.
//!
//! ```
//! # use std::sync::Arc;
//! # use datafusion::arrow::array::RecordBatch;
//! # use datafusion::datasource::{MemTable, provider_as_source};
//! # use datafusion::logical_expr::LogicalPlanBuilder;
//! # use datafusion::prelude::SessionContext;
//! use cxmill_incremental::{KnownFunctions, split};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let ctx = SessionContext::new();
//! ctx.sql("CREATE TABLE answers AS SELECT * FROM (VALUES (1, 10), (1, 7), (2, 9)) AS answers(day, score)").await?;
//! let sql = "SELECT day, avg(score) AS average, count(DISTINCT score) AS scores FROM answers GROUP BY day";
//!
//! // After the analyzer, before the optimizer.
//! let plan = ctx.state().create_logical_plan(sql).await?;
//! let plan = ctx.state().analyzer().execute_and_check(plan, ctx.state().config_options(), |_, _| {})?;
//! let query = split(&plan, &KnownFunctions::new())?;
//!
//! // The states of the rows there are, kept as any table would be; they survive Parquet.
//! let old = ctx.execute_logical_plan(query.state_plan(provider_as_source(ctx.table_provider("answers").await?))?).await?;
//! let old = old.collect().await?;
//!
//! // New rows arrive, also for an old day: only they are read.
//! ctx.sql("CREATE TABLE late AS SELECT * FROM (VALUES (1, 1), (3, 4)) AS late(day, score)").await?;
//! let new = ctx.execute_logical_plan(query.state_plan(provider_as_source(ctx.table_provider("late").await?))?).await?;
//! let new = new.collect().await?;
//!
//! // Both are combined, and finished into what the query gives over all five rows.
//! let states = MemTable::try_new(Arc::clone(query.state_schema()), vec![old, new])?;
//! let states = LogicalPlanBuilder::scan("states", provider_as_source(Arc::new(states)), None)?.build()?;
//! let result = ctx.execute_logical_plan(query.finish_plan(query.combine_plan(states)?)?).await?;
//! datafusion::assert_batches_sorted_eq!(
//!     [
//!         "+-----+---------+--------+",
//!         "| day | average | scores |",
//!         "+-----+---------+--------+",
//!         "| 1   | 6.0     | 3      |",
//!         "| 2   | 9.0     | 1      |",
//!         "| 3   | 4.0     | 1      |",
//!         "+-----+---------+--------+",
//!     ],
//!     &result.collect().await?
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Pieces
//!
//! - [`Call`]: one call of an aggregate with its arguments, parameters, DISTINCT and ORDER BY bound, and the three wrappers over
//!   it: [`Call::state_function`], [`Call::combine_function`], [`Call::finish_function`].
//! - [`split`]: a query → [`Split`], which makes the three plans over any tables; or a [`Reason`] with the place in the SQL.
//! - [`register_state_functions`]: `avg_state(x)`, `avg_combine(s)`, `avg_finish(s)`, `avg_merge(s)` and so on for SQL, so that a
//!   published state column can be rolled up from day to week to month.
//!
//! # What a state is
//!
//! One struct column of signed integers, decimals, doubles, text, dates and lists, all nullable. It names its function, the
//! function's version and the call in the metadata of its first child. A state of another function, version or call is refused by a
//! [`StateError`], never misread: raise the version ([`KnownFunctions::with_versions`]) when a function changes. A NULL state
//! is that of no rows.
//!
//! # Which aggregates
//!
//! Every aggregate of DataFusion 55 ([`built_in`] is this table as data), and every other [`AggregateUDF`] whose accumulators
//! obey the contract of `state` and `merge_batch`.
//!
//! | aggregate | kept | the state of a group | with DISTINCT |
//! |---|---|---|---|
//! | `avg`, `bit_xor`, `corr`, `count`, `covar_*`, `regr_*`, `stddev*`, `sum`, `var*` | its own state | has a fixed size | grows with the number of distinct values |
//! | `approx_distinct`, `bit_and`, `bit_or`, `bool_and`, `bool_or`, `max`, `min` | its own state | has a fixed size (`approx_distinct`: up to 16 KiB) | the same: DISTINCT changes nothing |
//! | `median`, `percentile_cont` | its own state | grows with the number of rows | grows with the number of distinct values |
//! | `array_agg`, `string_agg` | the rows, in order | grows with the number of rows | grows with the number of distinct values |
//! | `first_value`, `last_value` (with ORDER BY), `any_value` | one row | has a fixed size | the same |
//! | `nth_value` (with ORDER BY) | the rows, in order | grows with the number of rows | grows with the number of distinct values |
//! | `approx_median`, `approx_percentile_cont`, `approx_percentile_cont_with_weight` | refused: the t-digest depends on the order of arrival and would change with every batching | | |
//! | `first_value`, `last_value`, `nth_value` without ORDER BY | refused: rows have no order of their own | | |
//! | `grouping` | settled by the analyzer: GROUPING SETS, ROLLUP and CUBE work | | |
//!
//! DataFusion's own states are left aside where they are of no use later: DISTINCT (its lists are not accounted to the memory
//! limit, some functions have none, `bit_xor` panics) and ORDER BY inside a call (its merge is quadratic, its order that of arrival).
//! The kept rows are accounted, and spill with the rest of the aggregate. The sketch of `approx_distinct` hashes as DataFusion does:
//! alike on all 64-bit machines, and pinned by a test against a change in an upgrade. `corr` fills the same state columns differently in
//! its two accumulators: here a call has one kind, with GROUP BY and without.
//!
//! [`AggregateUDF`]: datafusion::logical_expr::AggregateUDF

mod call;
mod error;
mod keep;
mod known;
mod mixed;
mod named;
mod parameter;
mod split;
mod state;
mod stored;
mod wrap;

pub use crate::call::{Argument, Call, Modifiers, OrderKey};
pub use crate::error::StateError;
pub use crate::known::{BuiltIn, KnownFunctions, StateGrowth, built_in};
pub use crate::mixed::RefuseMixedStates;
pub use crate::named::{aggregate_of, register_state_functions};
pub use crate::parameter::constant;
pub use crate::split::{Forbids, Key, Reason, Split, State, split};
pub use crate::state::Origin;
