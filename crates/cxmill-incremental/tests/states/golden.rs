//! The states themselves, as they lie in files that exist. If an upgrade of DataFusion changes one of these, the function has
//! another state from then on, and `KnownFunctions::version` must give another version for it.

use cxmill_incremental::{KnownFunctions, register_state_functions};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;

const ROWS: &str =
    "CREATE TABLE rows AS SELECT * FROM (VALUES (1, 2.5, 'a', true), (5, -1.0, 'b', false), (NULL, NULL, NULL, NULL),
    (5, 4.0, 'a', true)) AS rows(i, x, t, b)";

const STATES: &[(&str, &str)] = &[
    ("avg_state(x)", "{count: 3, sum: 5.5}"),
    ("avg_state(arrow_cast(i, 'Decimal128(10, 2)'))", "{count: 3, sum: 11.00}"),
    ("count_state(t)", "{count: 3}"),
    ("count_state(1)", "{count: 4}"),
    ("count_distinct_state(t)", "{rows: [{argument_1: a}, {argument_1: b}, {argument_1: }]}"),
    ("sum_state(i)", "{sum: 11}"),
    ("sum_state(x)", "{sum: 5.5}"),
    ("min_state(t)", "{value: a}"),
    ("max_state(i)", "{value: 5}"),
    ("bit_and_state(i)", "{bit_and: 1}"),
    ("bit_xor_state(i)", "{bit_xor: 1}"),
    ("bool_or_state(b)", "{bool_or: true}"),
    ("any_value_state(t)", "{rows: [{argument_1: a}]}"),
    ("array_agg_state(i)", "{rows: [{argument_1: 1}, {argument_1: 5}, {argument_1: 5}, {argument_1: }]}"),
    ("median_state(i)", "{rows: [{argument_1: 1.0}, {argument_1: 5.0}, {argument_1: 5.0}, {argument_1: }]}"),
    ("stddev_state(i)", "{count: 3, mean: 3.6666666666666665, m2: 10.666666666666668}"),
    ("var_pop_state(i)", "{count: 3, mean: 3.6666666666666665, m2: 10.666666666666668}"),
    (
        "covar_samp_state(i, x)",
        "{count: 3, mean1: 3.6666666666666665, mean2: 1.8333333333333333, algo_const: -2.666666666666666}",
    ),
    ("corr_state(i, x)", "{count: 3, mean1: 11.0, m2_1: 5.5, mean2: 17.5, m2_2: 51.0, algo_const: 23.25}"),
    (
        "regr_slope_state(i, x)",
        "{count: 3, mean_x: 1.8333333333333333, mean_y: 3.6666666666666665, m2_x: 13.166666666666668, m2_y: 10.666666666666668, algo_const: -2.666666666666666}",
    ),
];

#[tokio::test]
async fn states_look_as_they_did() {
    let mut ctx = SessionContext::new();
    register_state_functions(&mut ctx, &KnownFunctions::new()).unwrap();
    ctx.sql(ROWS).await.unwrap();
    let mut changed = Vec::new();
    for (call, expected) in STATES {
        let batches = ctx.sql(&format!("SELECT {call} FROM rows")).await.unwrap().collect().await.unwrap();
        let options = FormatOptions::default();
        let found = ArrayFormatter::try_new(batches[0].column(0), &options).unwrap().value(0).to_string();
        if found != *expected {
            changed.push(format!("{call}: {found}"));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// The registers of the sketch depend on DataFusion's hash of each type.
#[tokio::test]
async fn the_sketch_of_distinct_values_looks_as_it_did() {
    let mut ctx = SessionContext::new();
    register_state_functions(&mut ctx, &KnownFunctions::new()).unwrap();
    let digests = [
        ("'v' || value", 0x9264_9b5f_38af_d3ea_u64),
        ("value", 0x6b4a_853d_e2f5_8752),
        ("arrow_cast(value, 'Timestamp(Microsecond, None)')", 0x6b4a_853d_e2f5_8752),
        ("arrow_cast(value, 'Int32')", 0x6b4a_853d_e2f5_8752),
    ];
    let mut changed = Vec::new();
    for (values, expected) in digests {
        let sql = format!("SELECT approx_distinct_state(v) FROM (SELECT {values} AS v FROM range(1000))");
        let batches = ctx.sql(&sql).await.unwrap().collect().await.unwrap();
        let registers = batches[0].column(0).as_struct().column(0);
        assert_eq!(registers.data_type(), &DataType::Binary);
        // FNV-1a, 64 bits.
        let digest = registers
            .as_binary::<i32>()
            .value(0)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        if digest != expected {
            changed.push(format!("{values}: {digest:#x}"));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
