//! Any call of any function, made of bytes: what comes out is a result or an error, never a panic, NaN or infinity.
//!
//! The fuzz target `fuzz/fuzz_targets/arguments.rs` runs this file too.

use std::sync::{Arc, LazyLock};

use cxmill_functions::{
    FunctionDoc, FunctionKind, all_aggregate_functions, all_scalar_functions, all_window_functions, function_docs,
    register_all,
};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalMonthDayNanoType, IntervalUnit, Schema, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, ExprFunctionExt, WindowFunctionDefinition, col, lit};
use datafusion::prelude::SessionContext;
use tokio::runtime::{Builder, Runtime};

static DOCS: LazyLock<Vec<FunctionDoc>> = LazyLock::new(function_docs);
static CONTEXT: LazyLock<SessionContext> = LazyLock::new(|| {
    let mut context = SessionContext::new();
    assert!(register_all(&mut context).is_ok(), "the functions register");
    context
});
static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| Builder::new_current_thread().build().ok());

/// Makes a call of these bytes and runs it; gives what came out, or the error.
pub(crate) fn call(bytes: &[u8]) -> std::result::Result<Vec<String>, String> {
    let mut bytes = Bytes(bytes.iter());
    let runtime = RUNTIME.as_ref().ok_or("no runtime")?;
    runtime.block_on(run(&mut bytes)).map_err(|error| error.to_string())
}

/// Bytes to choose with; zeros when they are used up.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % end.max(1)
    }

    fn chance(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    /// One of these; nothing is chosen of none.
    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        let place = self.below(of.len());
        of.get(place).cloned()
    }
}

async fn run(bytes: &mut Bytes<'_>) -> Result<Vec<String>> {
    let doc = &DOCS[bytes.below(DOCS.len())];
    let names = argument_names(bytes, doc);
    let rows = bytes.below(7);
    let (mut fields, mut columns, mut arguments) = (Vec::new(), Vec::new(), Vec::new());
    for (i, name) in names.iter().enumerate() {
        let data_type = type_of(bytes, name);
        let is_constant = bytes.chance(if CONSTANTS.contains(&name.as_str()) { 9 } else { 2 });
        // Few random numbers are right ones, so half of the arguments hold only such.
        let right = if bytes.chance(5) { right_values(name) } else { &[] };
        let value = |bytes: &mut Bytes<'_>| match bytes.pick(right) {
            Some(number) if data_type.is_numeric() => ScalarValue::from(number).cast_to(&data_type),
            Some(_) if name == "drivers" => value(bytes, &data_type, texts_of(name), right),
            _ => value(bytes, &data_type, texts_of(name), DOUBLES),
        };
        if is_constant {
            arguments.push(lit(value(bytes)?));
        } else {
            let values = (0..rows).map(|_| value(bytes)).collect::<Result<Vec<_>>>()?;
            let name = format!("c{i}");
            columns.push(match values.is_empty() {
                true => ScalarValue::try_new_null(&data_type)?.to_array_of_size(0)?,
                false => ScalarValue::iter_to_array(values)?,
            });
            fields.push(Field::new(&name, data_type, true));
            arguments.push(col(name));
        }
    }
    let groups = (0..rows).map(|_| ScalarValue::from(i32::try_from(bytes.below(3)).ok())).collect::<Vec<_>>();
    fields.push(Field::new("g", DataType::Int32, true));
    columns.push(match groups.is_empty() {
        true => ScalarValue::Int32(None).to_array_of_size(0)?,
        false => ScalarValue::iter_to_array(groups)?,
    });
    let data = CONTEXT.read_batch(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)?;
    let data = match doc.kind {
        FunctionKind::Scalar => {
            let function = all_scalar_functions().into_iter().find(|function| function.name() == doc.name);
            data.select(function.map(|function| function.call(arguments)))?
        }
        FunctionKind::Window => {
            let function = all_window_functions().into_iter().find(|function| function.name() == doc.name);
            let order = arguments.first().map(|first| vec![first.clone().sort(true, false)]).unwrap_or_default();
            let calls = function.map(|function| function.call(arguments).order_by(order).build()).transpose()?;
            data.window(calls.into_iter().collect())?
        }
        FunctionKind::Aggregate => {
            let Some(function) = all_aggregate_functions().into_iter().find(|function| function.name() == doc.name)
            else {
                return Ok(Vec::new());
            };
            match bytes.below(4) {
                0 => data.aggregate(vec![], vec![function.call(arguments)])?,
                1 => data.aggregate(vec![col("g")], vec![function.call(arguments)])?,
                2 => {
                    let filtered = function.call(arguments).filter(col("g").gt(lit(0))).build()?;
                    data.aggregate(vec![col("g")], vec![filtered])?
                }
                _ => {
                    let definition = WindowFunctionDefinition::AggregateUDF(function);
                    let window = Expr::from(WindowFunction::new(definition, arguments));
                    data.window(vec![window.order_by(vec![col("g").sort(true, true)]).build()?])?
                }
            }
        }
    };
    // What the function gives is last; the columns before it may hold anything.
    let batches = data.collect().await?;
    let mut shown = Vec::new();
    for batch in batches {
        if let Some(column) = batch.columns().last() {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
            shown.extend((0..batch.num_rows()).map(|row| format!("{}: {}", doc.name, formatter.value(row))));
        }
    }
    Ok(shown)
}

/// Numbers that an argument of this name takes.
fn right_values(name: &str) -> &'static [f64] {
    match name {
        "confidence" => &[0.5, 0.95, 0.1],
        "score" => &[0.0, 1.0, 5.0, 7.0, 9.0, 10.0],
        "scale" => &[5.0, 10.0, 100.0],
        "t_x" => &[0.0, 1.0, 2.0, 7.0],
        "T" => &[7.0, 12.0, 100_000.0],
        _ => &[0.0, 1.0, 2.0, 3.0, 12.0],
    }
}

/// Arguments that a query gives as constants.
const CONSTANTS: &[&str] = &[
    "window",
    "gap",
    "confidence",
    "top",
    "scale",
    "discount_rate",
    "unit",
    "horizon",
    "as_of",
    "rules",
    "model",
    "half_life",
];

fn argument_names(bytes: &mut Bytes<'_>, doc: &FunctionDoc) -> Vec<String> {
    let mut names: Vec<String> =
        doc.arguments.iter().map(|(name, _)| name.clone()).filter(|name| name != "…").collect();
    if names.len() < doc.arguments.len() {
        let last = names.last().cloned().unwrap_or_default();
        names.extend(std::iter::repeat_n(last, bytes.below(4)));
    }
    match bytes.below(12) {
        0 => names.truncate(names.len().saturating_sub(1)),
        1 => names.push("more".to_owned()),
        2 => names.clear(),
        // Arguments that may be left out are the last ones.
        3 => names.truncate(1),
        _ => {}
    }
    names
}

/// Mostly the type that an argument of this name takes, else any.
fn type_of(bytes: &mut Bytes<'_>, name: &str) -> DataType {
    let times = [
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Date32,
    ];
    let spans = [DataType::Interval(IntervalUnit::MonthDayNano), DataType::Duration(TimeUnit::Second)];
    let numbers = [
        DataType::Float64,
        DataType::Float64,
        DataType::Int64,
        DataType::Int8,
        DataType::UInt64,
        DataType::Float32,
        DataType::Decimal128(10, 2),
    ];
    let choices = [
        DataType::Utf8,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        DataType::Boolean,
        DataType::UInt64,
        DataType::Decimal128(10, 2),
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ];
    let fits = [DataType::Struct(fit_fields(PARAMETERS.len())), DataType::Struct(fit_fields(PARAMETERS.len() - 1))];
    let plausible = match name {
        "window" | "gap" | "half_life" => &spans[..],
        "event_time" | "ts" | "as_of" => &times[..],
        "event" | "churned" | "is_after" => &[DataType::Boolean],
        "tz" | "unit" | "step" | "touch" | "model" => &[DataType::Utf8],
        "text" | "language" | "rules" => &[DataType::Utf8, DataType::Utf8View],
        "value" => &choices[..],
        name if name.starts_with("step") || name.starts_with("day") => &[DataType::Boolean],
        name if name.ends_with("fit") || name == "drivers" => &fits[..],
        _ => &numbers[..],
    };
    if bytes.chance(9) {
        return bytes.pick(plausible).unwrap_or(DataType::Null);
    }
    let mut any = vec![DataType::Null, DataType::Boolean, DataType::Utf8];
    any.extend(fits);
    any.extend(times);
    any.extend(spans);
    any.extend(numbers);
    any.push(DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))));
    bytes.pick(&any).unwrap_or(DataType::Null)
}

/// The names of all parameters that a fit may have. The last one tells MBG/NBD from BG/NBD.
const PARAMETERS: [&str; 10] = ["alpha", "beta", "r", "a", "b", "s", "p", "q", "v", "lost_at_first"];

fn fit_fields(parameters: usize) -> Fields {
    PARAMETERS.iter().take(parameters).map(|name| Field::new(*name, DataType::Float64, true)).collect()
}

const DOUBLES: &[f64] = &[
    0.0,
    1.0,
    2.0,
    0.5,
    0.95,
    3.0,
    7.0,
    12.0,
    -1.0,
    -0.0,
    0.1,
    100_000.0,
    1e9,
    1e-6,
    1e308,
    -1e308,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
const WHOLE: &[i64] = &[0, 1, 2, 3, 5, 9, 10, 60, 86_400, -1, 100_000, i64::MAX, i64::MIN, 253_402_300_800];
const TEXTS: &[&str] = &["UTC", "Europe/Rome", "+05:30", "", "day", "week", "no such zone", "\u{1F600}"];

/// Texts that an argument of this name takes, and some that it refuses.
fn texts_of(name: &str) -> &'static [&'static str] {
    match name {
        "text" => {
            &["The delivery wasn't late, thank you!", "tres decu\u{301} ...", "\u{130}\u{1F600} l'", "Inte bra", "'"]
        }
        "model" => &["time_decay", "time_decay", "time_decay", "first", "last", "linear", "position", "middle"],
        "language" => &["en", "sv", "fr", "de", ""],
        "rules" => &["a en: late, thank you\na sv: bra", "b fr: pas cher", "", "# none", "no rule"],
        _ => TEXTS,
    }
}

fn value(bytes: &mut Bytes<'_>, data_type: &DataType, texts: &[&str], doubles: &[f64]) -> Result<ScalarValue> {
    if bytes.chance(1) {
        return ScalarValue::try_new_null(data_type);
    }
    let whole = bytes.pick(WHOLE).unwrap_or(0);
    let small = i32::try_from(whole).unwrap_or(i32::MAX);
    Ok(match data_type {
        DataType::Boolean => ScalarValue::from(bytes.chance(5)),
        DataType::Float64 => ScalarValue::Float64(bytes.pick(doubles)),
        DataType::Float32 => ScalarValue::Float32(bytes.pick(doubles).map(|double| double as f32)),
        DataType::Int64 => ScalarValue::from(whole),
        DataType::Int8 => ScalarValue::Int8(Some(i8::try_from(whole).unwrap_or(i8::MIN))),
        DataType::UInt64 => ScalarValue::UInt64(Some(whole.cast_unsigned())),
        DataType::Decimal128(precision, scale) => ScalarValue::Decimal128(Some(i128::from(small)), *precision, *scale),
        DataType::Utf8 => ScalarValue::Utf8(bytes.pick(texts).map(str::to_owned)),
        DataType::Utf8View => ScalarValue::Utf8View(bytes.pick(texts).map(str::to_owned)),
        DataType::Date32 => ScalarValue::Date32(Some(small)),
        DataType::Timestamp(TimeUnit::Second, zone) => ScalarValue::TimestampSecond(Some(whole), zone.clone()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(Some(whole), zone.clone())
        }
        DataType::Timestamp(_, zone) => ScalarValue::TimestampNanosecond(Some(whole), zone.clone()),
        DataType::Duration(_) => ScalarValue::DurationSecond(Some(whole)),
        DataType::Interval(_) => {
            let months = if bytes.chance(1) { small } else { 0 };
            let days = if bytes.chance(3) { small } else { 0 };
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNanoType::make_value(months, days, whole)))
        }
        DataType::Struct(fields) => {
            let parts = fields.iter().map(|field| value(bytes, field.data_type(), texts, doubles)?.to_array());
            let parts = parts.collect::<Result<Vec<_>>>()?;
            let array = datafusion::arrow::array::StructArray::try_new(fields.clone(), parts, None)?;
            ScalarValue::Struct(Arc::new(array))
        }
        DataType::List(_) => {
            ScalarValue::List(ScalarValue::new_list(&[ScalarValue::from(whole)], &DataType::Int64, true))
        }
        _ => ScalarValue::Null,
    })
}
