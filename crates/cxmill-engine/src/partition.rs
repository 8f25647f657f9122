//! Partitions of a published table: the folder of a row, and the order that brings the rows of a folder together.
//!
//! Folders are written as Hive does: `month=2026-01`, `channel=a%2Fb`, and `__HIVE_DEFAULT_PARTITION__` for NULL. Empty
//! text goes there as well, as readers of Hive folders cannot tell it from NULL; the column itself is kept in the file and
//! keeps the difference.

use std::ops::Range;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use cxmill_spec::{Granularity, Output, PartitionBy};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch};
use datafusion::arrow::compute::{cast, partition};
use datafusion::arrow::datatypes::{DataType, Date32Type, SchemaRef, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{Column, DataFusionError, Result, exec_err};
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::{Expr, cast as cast_expr, lit};

use crate::micros::truncated;

/// Folder value of NULL.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// Bytes that the name of a folder has at most on the usual file systems.
const LONGEST_FOLDER: usize = 255;

/// The one file of a partition.
pub(crate) const FILE: &str = "part-0.parquet";

/// Characters that Hive escapes in folder values, besides control characters.
const ESCAPED: &str = "\"#%'*/:=?\\{[]^";

/// How a table is cut into folders.
#[derive(Debug, Clone)]
pub(crate) struct Partitioning {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    name: String,
    column: String,
    index: usize,
    data_type: DataType,
    granularity: Option<Granularity>,
}

impl Partitioning {
    /// The partitioning of an output over these columns.
    pub(crate) fn new(output: &Output, schema: &SchemaRef) -> Result<Self> {
        let columns: Vec<&str> = output.partition_by.iter().map(|by| by.column.as_str()).collect();
        Self::by(output, &columns, schema)
    }

    /// The partitioning of an output, as rows have it in which the values of its partition columns stand in `columns`.
    pub(crate) fn by(output: &Output, columns: &[&str], schema: &SchemaRef) -> Result<Self> {
        let keys = output
            .partition_by
            .iter()
            .zip(columns)
            .map(|(by, column)| {
                let index = schema.index_of(column)?;
                Ok(Key {
                    name: by.key().to_owned(),
                    column: (*column).to_owned(),
                    index,
                    data_type: schema.field(index).data_type().clone(),
                    granularity: by.granularity,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { keys })
    }

    /// Expressions that sort rows so that the rows of a folder stand together.
    pub(crate) fn order(&self) -> Vec<Expr> {
        self.keys.iter().map(Key::order).collect()
    }

    /// Published name of the file that is written where there is no row at all, so that readers still find the columns.
    pub(crate) fn empty_name(&self) -> String {
        let folders: String = self.keys.iter().map(|key| format!("{}={NULL_FOLDER}/", key.name)).collect();
        format!("{folders}{FILE}")
    }

    /// Cuts a batch, sorted by [`Self::order`], into runs of rows that share a published file.
    pub(crate) fn cut(&self, batch: &RecordBatch) -> Result<Vec<(Range<usize>, String)>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        if self.keys.is_empty() {
            return Ok(vec![(0..batch.num_rows(), FILE.to_owned())]);
        }
        let values = self.keys.iter().map(|key| key.values(batch)).collect::<Result<Vec<_>>>()?;
        let mut runs: Vec<(Range<usize>, String)> = Vec::new();
        for range in partition(&values)?.ranges() {
            let mut name = String::new();
            for (key, values) in self.keys.iter().zip(&values) {
                name.push_str(&key.folder(values, range.start)?);
                name.push('/');
            }
            name.push_str(FILE);
            match runs.last_mut() {
                // NULL and empty text are two values of one folder.
                Some((last, known)) if *known == name => last.end = range.end,
                _ => runs.push((range, name)),
            }
        }
        Ok(runs)
    }
}

impl Key {
    fn order(&self) -> Expr {
        let column = Expr::Column(Column::from_name(&self.column));
        match (self.granularity, &self.data_type) {
            (Some(granularity), _) => {
                let instant = cast_expr(column, DataType::Timestamp(TimeUnit::Microsecond, None));
                truncated(granularity.name(), instant)
            }
            // All that goes to the folder of NULL stands together.
            (None, DataType::Utf8) => nullif(nullif(column, lit("")), lit(NULL_FOLDER)),
            (None, _) => column,
        }
    }

    /// What tells the folders of rows apart: the period's number, or the value itself.
    fn values(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let column = batch.column(self.index);
        let Some(granularity) = self.granularity else { return Ok(Arc::clone(column)) };
        let days = cast(column, &DataType::Date32)?;
        let periods: Int32Array =
            days.as_primitive::<Date32Type>().iter().map(|day| day.and_then(|day| period(granularity, day))).collect();
        Ok(Arc::new(periods))
    }

    fn folder(&self, values: &ArrayRef, row: usize) -> Result<String> {
        if values.is_null(row) {
            return Ok(format!("{}={NULL_FOLDER}", self.name));
        }
        let value = match self.granularity {
            Some(granularity) => {
                let number = values
                    .as_any()
                    .downcast_ref::<Int32Array>()
                    .map(|periods| periods.value(row))
                    .ok_or_else(|| DataFusionError::Internal("period is not a number".to_owned()))?;
                shown(granularity, number)
            }
            None => ArrayFormatter::try_new(values, &FormatOptions::default())?.value(row).to_string(),
        };
        let folder =
            format!("{}={}", self.name, if value.is_empty() { NULL_FOLDER.to_owned() } else { escape(&value) });
        if folder.len() > LONGEST_FOLDER {
            return exec_err!(
                "`{}` has a value that is too long for the name of a folder ({} bytes, {LONGEST_FOLDER} are the most): {}",
                self.name,
                folder.len(),
                value.chars().take(40).chain(['…']).collect::<String>()
            );
        }
        Ok(folder)
    }
}

/// The days of a partition of a date column, and its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period {
    /// First day, in days since 1970-01-01.
    pub(crate) first: i32,
    /// Last day.
    pub(crate) last: i32,
    /// Name of the folder, as in `month=2026-01`.
    pub(crate) folder: String,
}

impl Period {
    /// The partition that a day lies in, where a table is partitioned by its day.
    pub(crate) fn of(by: &PartitionBy, day: i32) -> Option<Self> {
        let date = NaiveDate::from_epoch_days(day)?;
        let granularity = by.granularity.unwrap_or(Granularity::Day);
        let next_year = NaiveDate::from_ymd_opt(date.year() + 1, 1, 1);
        let (first, next) = match granularity {
            Granularity::Day => (Some(date), date.succ_opt()),
            Granularity::Month => {
                let next = NaiveDate::from_ymd_opt(date.year(), date.month() + 1, 1).or(next_year);
                (date.with_day(1), next)
            }
            Granularity::Year => (date.with_ordinal(1), next_year),
        };
        let folder = format!("{}={}", by.key(), shown(granularity, period(granularity, day)?));
        Some(Self { first: first?.to_epoch_days(), last: next?.to_epoch_days() - 1, folder })
    }

    /// The partition of a folder, as in `month=2026-01`; none where its name is not that of a period, as that of NULL.
    pub(crate) fn named(by: &PartitionBy, folder: &str) -> Option<Self> {
        let value = folder.strip_prefix(by.key())?.strip_prefix('=')?;
        let first = match by.granularity.unwrap_or(Granularity::Day) {
            Granularity::Day => value.parse().ok()?,
            Granularity::Month => {
                let (year, month) = value.rsplit_once('-')?;
                NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?
            }
            Granularity::Year => NaiveDate::from_ymd_opt(value.parse().ok()?, 1, 1)?,
        };
        Self::of(by, first.to_epoch_days())
    }
}

/// Number of the period that a day (days since 1970-01-01) lies in.
fn period(granularity: Granularity, day: i32) -> Option<i32> {
    let date = NaiveDate::from_epoch_days(day)?;
    Some(match granularity {
        Granularity::Day => day,
        Granularity::Month => date.year() * 12 + i32::try_from(date.month0()).ok()?,
        Granularity::Year => date.year(),
    })
}

/// A period as its folder names it.
fn shown(granularity: Granularity, number: i32) -> String {
    match granularity {
        Granularity::Day => NaiveDate::from_epoch_days(number).map_or_else(String::new, |date| date.to_string()),
        Granularity::Month => format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1),
        Granularity::Year => format!("{number:04}"),
    }
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii() && (character.is_ascii_control() || ESCAPED.contains(character)) {
            escaped.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cxmill_spec::{FileId, Span};
    use datafusion::arrow::array::{Date32Array, StringArray};
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::prelude::SessionContext;

    use super::*;

    fn output(column: &str, granularity: Option<Granularity>) -> Output {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let by = PartitionBy { column: column.to_owned(), granularity, span };
        Output { partition_by: vec![by], sort_by: Vec::new(), span: None }
    }

    fn names(batch: &RecordBatch, output: &Output) -> Vec<(Range<usize>, String)> {
        Partitioning::new(output, &batch.schema()).unwrap().cut(batch).unwrap()
    }

    fn batch(name: &str, column: ArrayRef) -> RecordBatch {
        let schema = Schema::new(vec![Field::new(name, column.data_type().clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    }

    #[test]
    fn days_go_to_the_folder_of_their_period() {
        let days = ["2025-12-31", "2026-01-01", "2026-01-31", "1969-12-31"];
        let days = days.map(|day| day.parse::<NaiveDate>().unwrap().to_epoch_days());
        let rows = batch("day", Arc::new(Date32Array::from_iter(days.map(Some).into_iter().chain([None]))));
        let month = names(&rows, &output("day", Some(Granularity::Month)));
        let shown: Vec<_> = month.iter().map(|(range, name)| format!("{range:?} {name}")).collect();
        assert_eq!(
            shown,
            [
                "0..1 month=2025-12/part-0.parquet",
                "1..3 month=2026-01/part-0.parquet",
                "3..4 month=1969-12/part-0.parquet",
                "4..5 month=__HIVE_DEFAULT_PARTITION__/part-0.parquet",
            ]
        );
        let year = names(&rows, &output("day", Some(Granularity::Year)));
        assert_eq!(year[1], (1..3, "year=2026/part-0.parquet".to_owned()));
        let day = names(&rows, &output("day", Some(Granularity::Day)));
        assert_eq!(day[3].1, "day=1969-12-31/part-0.parquet");
    }

    #[test]
    fn a_period_has_its_days_and_the_folder_of_its_rows() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap().to_epoch_days();
        for granularity in [None, Some(Granularity::Day), Some(Granularity::Month), Some(Granularity::Year)] {
            let output = output("day", granularity);
            let null = format!("{}={NULL_FOLDER}", output.partition_by[0].key());
            assert_eq!(Period::named(&output.partition_by[0], &null), None);
            for date in ["2024-02-29", "2025-12-31", "2026-01-01", "1969-12-31", "-0004-02-29", "+12345-06-07"] {
                let period = Period::of(&output.partition_by[0], day(date)).unwrap();
                for inside in [period.first, day(date), period.last] {
                    let rows = batch("day", Arc::new(Date32Array::from(vec![inside])));
                    assert_eq!(Period::named(&output.partition_by[0], &period.folder).as_ref(), Some(&period));
                    assert_eq!(
                        names(&rows, &output)[0].1,
                        format!("{}/part-0.parquet", period.folder),
                        "{granularity:?}"
                    );
                }
                for outside in [period.first - 1, period.last + 1] {
                    assert_ne!(Period::of(&output.partition_by[0], outside).unwrap().folder, period.folder);
                }
            }
        }
    }

    #[test]
    fn a_value_that_no_folder_can_be_named_after_is_told() {
        let cut = |value: String| {
            let batch = batch("region", Arc::new(StringArray::from(vec![value])));
            Partitioning::new(&output("region", None), &batch.schema()).unwrap().cut(&batch)
        };
        assert!(cut("x".repeat(255 - "region=".len())).is_ok());
        let told = cut("ø".repeat(128)).unwrap_err().to_string();
        assert!(told.contains("`region` has a value that is too long") && told.contains("263 bytes"), "{told}");
        assert!(told.ends_with(&format!(": {}…", "ø".repeat(40))), "{told}");
    }

    #[tokio::test]
    async fn rows_of_a_folder_stand_together_in_the_order() {
        let words =
            [Some("~"), Some(NULL_FOLDER), Some("a"), None, Some("__"), Some(""), Some("\t"), Some(NULL_FOLDER)];
        let ctx = SessionContext::new();
        let rows = ctx.read_batch(batch("region", Arc::new(StringArray::from(words.to_vec())))).unwrap();
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let partitioning = Partitioning::new(&output("region", None), &schema).unwrap();
        let order = partitioning.order().into_iter().map(|expr| expr.sort(true, true)).collect();
        let sorted = rows.sort(order).unwrap().collect().await.unwrap();
        let cut = partitioning.cut(&concat_batches(&schema, &sorted).unwrap()).unwrap();
        let folders: BTreeSet<&String> = cut.iter().map(|(_, folder)| folder).collect();
        assert_eq!((cut.len(), folders.len()), (5, 5), "{cut:?}");
    }

    #[test]
    fn odd_values_are_escaped_and_null_and_empty_share_a_folder() {
        let values = StringArray::from(vec![None, Some(""), Some("a/b=c%"), Some("søren 1")]);
        let cut = names(&batch("region", Arc::new(values)), &output("region", None));
        assert_eq!(
            cut,
            [
                (0..2, "region=__HIVE_DEFAULT_PARTITION__/part-0.parquet".to_owned()),
                (2..3, "region=a%2Fb%3Dc%25/part-0.parquet".to_owned()),
                (3..4, "region=søren 1/part-0.parquet".to_owned()),
            ]
        );
    }
}
