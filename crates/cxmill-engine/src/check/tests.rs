use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use cxmill_spec::CheckKind;
use cxmill_spec::check::Bound;
use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};

use super::{SHOWN, run_checks};
use crate::compile::compile;
use crate::fixture::Fixture;
use crate::report::{CheckReport, CheckResult};
use crate::session::session;

const SQL: &str = "SELECT CAST(answered_at AS DATE) AS day, channel, count(*) AS n\nFROM survey_answers GROUP BY 1, 2";

/// The reports of all checks over these staged rows, as of the third day of 1970 in UTC.
async fn reports(
    fixture: Fixture,
    days: Vec<i32>,
    channels: Vec<Option<&str>>,
    n: Vec<Option<i64>>,
) -> Vec<CheckReport> {
    let project = fixture.project();
    let compiled = compile(&project).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ctx = session(&project.settings, 64 << 20, folder.path()).unwrap();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Date32Array::from(days)), Arc::new(StringArray::from(channels)), Arc::new(Int64Array::from(n))];
    let model = compiled.model("m").unwrap();
    ctx.register_batch("m", RecordBatch::try_new(Arc::clone(&model.schema), columns).unwrap()).unwrap();
    run_checks(&ctx, &project, &compiled, model, DateTime::<Utc>::from_timestamp(2 * 86_400, 0)).await.unwrap()
}

fn summary(reports: &[CheckReport]) -> Vec<(&str, CheckResult, u64)> {
    reports.iter().map(|report| (report.check.as_str(), report.result, report.failing_rows)).collect()
}

fn between(min: Option<Bound>, max: Option<Bound>) -> CheckKind {
    CheckKind::Between { column: "n".to_owned(), min, max }
}

#[tokio::test]
async fn the_grain_implies_not_null_and_unique() {
    let fixture = Fixture::shop().model("m", SQL).grain("m", &["day", "channel"]);
    let rows =
        reports(fixture, vec![0, 0, 1, 1], vec![Some("web"), Some("web"), None, Some("app")], vec![Some(1); 4]).await;
    assert_eq!(
        summary(&rows),
        [("not_null(day, channel)", CheckResult::Failed, 1), ("unique(day, channel)", CheckResult::Failed, 1)]
    );
    assert!(rows[1].sample.as_ref().unwrap().contains("1970-01-01"));
}

#[tokio::test]
async fn checks_pass_where_they_hold_and_null_passes_values() {
    let fixture = Fixture::shop()
        .model("m", SQL)
        .grain("m", &["day", "channel"])
        .check("m", "- between", between(Some(Bound::Int(0)), Some(Bound::Double(9.5))))
        .check(
            "m",
            "- one_of",
            CheckKind::OneOf { column: "channel".to_owned(), values: vec![Bound::Text("web".to_owned())] },
        )
        .check("m", "- row_count", CheckKind::RowCount { min: Some(2), max: Some(2) })
        .check("m", "- fresh", CheckKind::Fresh { column: "day".to_owned(), within: Duration::from_secs(86_400) })
        .sql_check("m", "SELECT * FROM m WHERE n < 0");
    let rows = reports(fixture, vec![0, 1], vec![Some("web"), Some("web")], vec![None, Some(9)]).await;
    assert!(rows.iter().all(|report| report.result == CheckResult::Passed && report.sample.is_none()), "{rows:?}");
    assert_eq!(rows.len(), 7);
}

#[tokio::test]
async fn values_out_of_range_are_counted_and_the_first_are_shown() {
    let fixture = Fixture::shop()
        .model("m", SQL)
        .check("m", "- between", between(None, Some(Bound::Int(4))))
        .check(
            "m",
            "- one_of",
            CheckKind::OneOf { column: "channel".to_owned(), values: vec![Bound::Text("app".to_owned())] },
        )
        .check("m", "- row_count", CheckKind::RowCount { min: Some(100), max: None })
        .check("m", "- fresh", CheckKind::Fresh { column: "day".to_owned(), within: Duration::from_secs(3600) })
        .sql_check("m", "SELECT * FROM m\nWHERE n >= 5");
    let count = 30;
    let rows = reports(fixture, vec![0; count], vec![Some("web"); count], (0..30).map(Some).collect()).await;
    assert_eq!(
        summary(&rows),
        [
            ("between(n)", CheckResult::Failed, 25),
            ("one_of(channel)", CheckResult::Failed, 30),
            ("row_count(100..)", CheckResult::Failed, 1),
            ("fresh(day)", CheckResult::Failed, 1),
            ("sql(SELECT * FROM m WHERE n >= 5)", CheckResult::Warned, 25),
        ]
    );
    // Four lines of frame and header around the rows.
    assert_eq!(rows[0].sample.as_ref().unwrap().lines().count(), SHOWN + 4);
}

#[tokio::test]
async fn an_empty_result_is_not_fresh() {
    let fixture = Fixture::shop().model("m", SQL).grain("m", &["day"]).check(
        "m",
        "- fresh",
        CheckKind::Fresh { column: "day".to_owned(), within: Duration::from_secs(3600) },
    );
    let rows = reports(fixture, vec![], vec![], vec![]).await;
    assert_eq!(rows.last().unwrap().result, CheckResult::Failed);
    assert_eq!(rows[0].result, CheckResult::Passed);
}

#[tokio::test]
async fn of_checks_that_are_judged_together_each_is_told_apart() {
    let check = |min, max| CheckKind::RowCount { min, max };
    let fixture = Fixture::shop()
        .model("m", SQL)
        .check("m", "- not_null", CheckKind::NotNull(vec!["day".to_owned()]))
        .check("m", "- between", between(Some(Bound::Int(2)), None))
        .check("m", "- row_count", check(Some(3), None))
        .check("m", "- not_null", CheckKind::NotNull(vec!["channel".to_owned()]))
        .check("m", "- row_count", check(None, Some(2)))
        .check("m", "- fresh", CheckKind::Fresh { column: "day".to_owned(), within: Duration::from_secs(86_400) })
        .check("m", "- row_count", check(None, None));
    let rows = reports(fixture, vec![0, 0], vec![Some("web"), None], vec![Some(1), None]).await;
    let failing: Vec<_> = summary(&rows).into_iter().filter(|(_, result, _)| *result != CheckResult::Passed).collect();
    assert_eq!(
        failing,
        [
            ("between(n)", CheckResult::Failed, 1),
            ("row_count(3..)", CheckResult::Failed, 1),
            ("not_null(channel)", CheckResult::Failed, 1),
            ("fresh(day)", CheckResult::Failed, 1),
        ]
    );
    assert_eq!(rows.len(), 7);
    assert!(rows[2].sample.as_ref().unwrap().contains("| rows |"), "{:?}", rows[2].sample);
}
