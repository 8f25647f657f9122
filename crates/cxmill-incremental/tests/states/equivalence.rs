//! Laws over random queries: any split of the rows into parts gives what one pass gives.

use datafusion::error::DataFusionError;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::data::{long_part, parts, schema};
use crate::support::{at_once, by_parts, same};

/// Aggregates whose one-pass result does not depend on the order of rows.
const AGGREGATES: &[&str] = &[
    "count(*)",
    "count(text)",
    "count(DISTINCT text)",
    "count(DISTINCT whole) FILTER (WHERE flag)",
    "sum(whole)",
    "sum(money)",
    "sum(large)",
    "sum(double)",
    "sum(DISTINCT small)",
    "avg(money)",
    "avg(double)",
    "min(text)",
    "max(at)",
    "max(large)",
    "min(money)",
    "stddev(double)",
    "var_pop(small)",
    "corr(double, other)",
    "regr_slope(double, other)",
    "covar_samp(double, other)",
    "median(money)",
    "median(whole)",
    "percentile_cont(0.9) WITHIN GROUP (ORDER BY double DESC)",
    "approx_distinct(text)",
    "bit_xor(large)",
    "bool_or(flag)",
    "first_value(text ORDER BY at, id)",
    "last_value(money ORDER BY at DESC, id) IGNORE NULLS",
    "array_agg(DISTINCT small ORDER BY small DESC)",
    "array_sort(array_agg(whole))",
    "nps(small)",
    "nps_parts(small)['promoters']",
    "csat(small % 5 + 1, 5) FILTER (WHERE flag)",
    "count(*) * 100 / (count(text) + 1)",
    "CASE WHEN count(*) > 3 THEN avg(whole) END",
];

const GROUPINGS: &[&str] = &[
    "",
    "channel",
    "day",
    "channel, day",
    "date_trunc('hour', at), flag",
    "large",
    "money",
    "coalesce(text, 'none'), small % 3",
    "ROLLUP (channel, day)",
    "GROUPING SETS ((channel), (flag, channel), ())",
];

const FILTERS: &[&str] = &["", "WHERE flag", "WHERE text IS NOT NULL AND double > -50", "WHERE id < 0"];

const HAVINGS: &[&str] = &["", "HAVING count(*) > 2", "HAVING count(DISTINCT text) > 1 AND sum(whole) IS NOT NULL"];

fn query() -> impl Strategy<Value = String> {
    (
        subsequence(AGGREGATES, 1..5),
        select(GROUPINGS),
        select(FILTERS),
        select(HAVINGS),
        select(&["events", "(SELECT * FROM events WHERE small IS NULL OR small > 1)"][..]),
    )
        .prop_map(|(aggregates, grouping, filter, having, source)| {
            let keys = match grouping {
                "" => String::new(),
                "ROLLUP (channel, day)" => {
                    "channel, day, grouping(channel) AS all_channels, grouping(day) AS level, ".to_owned()
                }
                grouping if grouping.starts_with("GROUPING") => {
                    "channel, flag, grouping(channel) AS all_channels, grouping(flag) AS level, ".to_owned()
                }
                grouping => format!("{grouping}, "),
            };
            let group_by = if grouping.is_empty() { String::new() } else { format!("GROUP BY {grouping}") };
            let values: Vec<String> =
                aggregates.iter().enumerate().map(|(place, call)| format!("{call} AS value_{place}")).collect();
            format!("SELECT {keys}{} FROM {source} {filter} {group_by} {having}", values.join(", "))
        })
}

/// Two ORDER BYs in one query are more than DataFusion can do at once; through states they are no problem.
fn is_beyond_one_pass(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::NotImplemented(_))
}

fn check(sql: &str, parts: &[Vec<datafusion::arrow::array::RecordBatch>]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let once = match at_once(sql, &schema(), parts).await {
            Err(error) if is_beyond_one_pass(&error) => return Err(TestCaseError::reject("beyond one pass")),
            once => once.unwrap_or_else(|error| panic!("{sql}: {error}")),
        };
        let states = by_parts(sql, &schema(), parts).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        same(&once, &states).map_err(|difference| TestCaseError::fail(format!("{sql}\n{difference}")))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn states_of_parts_give_what_one_pass_gives(sql in query(), parts in parts()) {
        check(&sql, &parts.0)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn distinct_rows_are_groups_without_aggregates(
        columns in subsequence(&["channel", "day", "large", "money", "text", "flag", "at", "small"][..], 1..4),
        parts in parts(),
    ) {
        check(&format!("SELECT DISTINCT {} FROM events WHERE id % 3 < 2", columns.join(", ")), &parts.0)?;
    }
}

/// Calls with constants, and without for comparison, where each row is a group: such rows become states one by one.
const OF_EACH_ROW: &[&str] = &[
    "percentile_cont(0.9) WITHIN GROUP (ORDER BY double DESC)",
    "percentile_cont(whole, 0.25)",
    "nps_interval(small, 0.9)",
    "csat(small % 5 + 1, 5) FILTER (WHERE flag)",
    "mode(text)",
    "mode(channel, small)",
    "median(money)",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]

    #[test]
    fn rows_that_are_each_a_group_become_states_as_others_do(parts in long_part()) {
        for call in OF_EACH_ROW {
            check(&format!("SELECT id, {call} AS value FROM events GROUP BY id"), &parts.0)?;
        }
    }
}

/// No rows at all: a global aggregate has one row, a grouped one none.
#[test]
fn nothing_in_nothing_out() {
    let values: Vec<String> =
        AGGREGATES.iter().filter(|call| !call.contains("ORDER BY")).map(|call| (*call).to_owned()).collect();
    let values: Vec<String> =
        values.iter().enumerate().map(|(place, call)| format!("{call} AS value_{place}")).collect();
    let values = values.join(", ");
    for parts in [vec![], vec![vec![]], vec![vec![], vec![]]] {
        check(&format!("SELECT {values} FROM events"), &parts).unwrap();
        check(&format!("SELECT day, {values} FROM events GROUP BY day"), &parts).unwrap();
    }
}
