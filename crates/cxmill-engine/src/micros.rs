//! SQL reckons in microseconds, as contracts and published tables do.
//!
//! In DataFusion 55 `TIMESTAMP` is one of nanoseconds, and a timestamp beside a date is made one. These reach from 1677 to 2262: a single
//! row dated 0001-01-01 or 9999-12-31, which systems write for "unknown" and for "open", failed each query that came across it.
//! Microseconds reach further than any calendar that is written.

mod reckon;
mod truncate;

use std::ops::ControlFlow;

use chrono::{DateTime, NaiveDate};
use datafusion::sql::sqlparser::ast::{DataType, Expr, Statement, TypedString, visit_expressions_mut};

pub(crate) use reckon::ReckonInMicroseconds;
pub(crate) use truncate::{date_trunc, truncated};

/// Digits of a second that `TIMESTAMP` has where a query does not say how many.
const DIGITS: u64 = 6;

/// Makes `TIMESTAMP`, as the type of a cast or of a literal, one of microseconds.
pub(crate) fn declare(statement: &mut Statement) {
    let _all: ControlFlow<()> = visit_expressions_mut(statement, |expr| {
        if let Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }) = expr
            && let DataType::Timestamp(digits @ None, _) = data_type
        {
            *digits = Some(DIGITS);
        }
        ControlFlow::Continue(())
    });
}

/// What a query ran into that came across a date or timestamp too far away for a function that reckons in nanoseconds all the
/// same, as `to_char` does. `message` is DataFusion's.
pub(crate) fn out_of_reach(message: &str) -> Option<String> {
    let (before, after) = message.split_once(" to Timestamp(ns)")?;
    let (data_type, value) = before.strip_prefix("Cannot cast ")?.rsplit_once(" value ")?;
    let value: i64 = value.parse().ok().filter(|_| after.contains("range"))?;
    let date = match data_type {
        "Date32" => NaiveDate::from_epoch_days(i32::try_from(value).ok()?)?,
        _ if data_type.starts_with("Timestamp(µs") => DateTime::from_timestamp_micros(value)?.date_naive(),
        _ => return None,
    };
    Some(format!(
        "{date} is out of reach: a function of the query reckons in nanoseconds, from 1677-09-21 to 2262-04-11"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cxmill_spec::{FileId, Sql};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::sql::parser::Statement as DfStatement;

    use crate::compile::sql;
    use crate::error::EngineError;
    use crate::fixture::Fixture;
    use crate::session::{collect, planning_session};

    /// Rows dated as systems date what is unknown or open, as columns `at` and `day`.
    const FAR: &str = "(SELECT CAST(day AS timestamp) AS at, day FROM (VALUES (DATE '9999-12-31'), (DATE '0001-01-01'), \
                       (DATE '1500-06-07')) AS days(day))";

    /// The values of an expression over them, in that order, or what a model that has it is told.
    async fn values(expr: &str) -> Result<Vec<String>, String> {
        let ctx = planning_session(&Fixture::new().project().settings).unwrap();
        let text = Arc::from(format!("SELECT {expr} AS value FROM {FAR} AS far"));
        let (query, found) = sql::parse(&ctx.state(), &Sql { text, file: FileId(0), line_offsets: vec![0] });
        assert!(found.is_empty(), "{expr}: {found:?}");
        let statement = DfStatement::Statement(Box::new(query.unwrap().statement));
        let plan = ctx.state().statement_to_plan(statement).await.unwrap();
        let rows = ctx.execute_logical_plan(plan).await.unwrap();
        let batches = collect(rows).await.map_err(|error| EngineError::query("far", &error).to_string())?;
        let shown = pretty_format_batches(&batches).unwrap().to_string();
        let lines = shown.lines().filter(|line| line.starts_with('|')).skip(1);
        Ok(lines.map(|line| line.trim_matches(['|', ' ']).to_owned()).collect())
    }

    #[tokio::test]
    async fn what_systems_write_for_unknown_and_open_is_reckoned_with() {
        for (expr, wanted) in [
            ("CAST(at AS date)", ["9999-12-31", "0001-01-01", "1500-06-07"]),
            ("CAST(date_trunc('month', at) AS date)", ["9999-12-01", "0001-01-01", "1500-06-01"]),
            ("CAST(date_trunc('quarter', day) AS date)", ["9999-10-01", "0001-01-01", "1500-04-01"]),
            ("CAST(date_trunc('week', day) AS date)", ["9999-12-27", "0001-01-01", "1500-06-04"]),
            ("at < TIMESTAMP '2026-01-01T00:00:00Z'", ["false", "true", "true"]),
            ("at = day", ["true", "true", "true"]),
            ("day < at + INTERVAL '1 day'", ["true", "true", "true"]),
            ("at BETWEEN DATE '1000-01-01' AND day", ["true", "false", "true"]),
            ("DATE '2026-01-01' IS DISTINCT FROM at", ["true", "true", "true"]),
            ("EXTRACT(EPOCH FROM at - TIMESTAMP '1970-01-01')", ["253402214400.0", "-62135596800.0", "-14818204800.0"]),
        ] {
            assert_eq!(values(expr).await.as_deref(), Ok(wanted.map(str::to_owned).as_slice()), "{expr}");
        }
    }

    #[tokio::test]
    async fn what_reckons_in_nanoseconds_all_the_same_says_what_is_out_of_its_reach() {
        for expr in ["CAST(at AS timestamp(9))", "CAST(day AS timestamp(9))"] {
            let told = values(expr).await.expect_err(expr);
            assert!(told.contains("0001-01-01 is out of reach") && told.contains("to 2262-04-11"), "{expr}: {told}");
        }
    }
}
