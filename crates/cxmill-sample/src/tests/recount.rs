//! The truth, recounted from the bytes by readers that know nothing of how they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{Sample, sample, small};

const CHANNELS: [&str; 6] = ["web", "app", "email", "chat", "phone", "store"];

impl Sample {
    /// The lines of a text source, file by file.
    pub(super) fn lines(&self, source: &str) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for (name, content) in self.objects.iter().filter(|(name, _)| name.starts_with(&format!("{source}/"))) {
            let mut text = Vec::new();
            if name.ends_with(".gz") {
                flate2::read::GzDecoder::new(content.as_ref()).read_to_end(&mut text).unwrap();
            } else {
                text.extend_from_slice(content);
            }
            assert_eq!(text.pop(), Some(b'\n'));
            let header = usize::from(name.ends_with(".csv"));
            lines.extend(text.split(|&byte| byte == b'\n').skip(header).map(<[u8]>::to_vec));
        }
        lines
    }

    fn source(&self, source: &str, key: &str) -> u64 {
        self.truth["sources"][source][key].as_u64().unwrap()
    }
}

/// An answer that a contract accepts, or nothing.
fn answer(line: &[u8]) -> Option<Value> {
    let row: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    text("answer_id")?;
    text("customer_id")?;
    let known =
        ["nps", "csat", "ces"].contains(&text("survey")?.as_str()) && CHANNELS.contains(&text("channel")?.as_str());
    let score = row["score"].is_null() || row["score"].as_i64().is_some_and(|score| (0..=10).contains(&score));
    let time = chrono::DateTime::parse_from_rfc3339(row["submitted"]["at"].as_str()?).is_ok();
    (known && score && time).then_some(row)
}

#[test]
fn rows_of_every_source_balance() {
    let sample = sample(&small());
    for (source, truth) in sample.truth["sources"].as_object().unwrap() {
        let of = |key: &str| truth[key].as_u64().unwrap();
        assert_eq!(of("rows"), of("clean") + of("bad") + of("duplicates"), "{source}");
        let by_kind: u64 =
            truth["bad_by_kind"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(by_kind, of("bad"), "{source}");
        let rows = if ["orders_store", "deliveries"].contains(&source.as_str()) {
            receipts(&sample, source).len()
        } else {
            sample.lines(source).len()
        };
        assert_eq!(rows as u64, of("rows"), "{source}");
    }
}

#[test]
fn answers_and_nps_recount() {
    let sample = sample(&small());
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let (mut bad, mut duplicates) = (0, 0);
    for line in sample.lines("survey_answers") {
        let Some(row) = answer(&line) else {
            bad += 1;
            continue;
        };
        let id = row["answer_id"].as_str().unwrap().to_owned();
        if let Some(first) = seen.get(&id) {
            assert_eq!(*first, row, "a duplicate says the same");
            duplicates += 1;
        } else {
            seen.insert(id, row);
        }
    }
    assert_eq!(bad, sample.source("survey_answers", "bad"));
    assert_eq!(duplicates, sample.source("survey_answers", "duplicates"));
    assert_eq!(seen.len() as u64, sample.source("survey_answers", "clean"));
    assert!(bad > 10 && duplicates > 10);

    let scores = |survey: &str, channel: Option<&str>| -> Vec<i64> {
        seen.values()
            .filter(|row| row["survey"] == survey && channel.is_none_or(|channel| row["channel"] == channel))
            .filter_map(|row| row["score"].as_i64())
            .collect()
    };
    let nps = |scores: &[i64]| {
        let promoters = scores.iter().filter(|&&score| score >= 9).count() as f64;
        let detractors = scores.iter().filter(|&&score| score <= 6).count() as f64;
        100.0 * (promoters - detractors) / scores.len() as f64
    };
    let same = |truth: &Value, found: f64| assert!((truth.as_f64().unwrap() - found).abs() < 1e-9, "{truth} {found}");
    same(&sample.truth["nps"]["all"]["nps"], nps(&scores("nps", None)));
    for channel in CHANNELS {
        same(&sample.truth["nps"]["by_channel"][channel]["nps"], nps(&scores("nps", Some(channel))));
    }
    let csat = scores("csat", None);
    let satisfied = csat.iter().filter(|&&score| score >= 4).count() as f64;
    same(&sample.truth["csat"]["all"]["csat"], 100.0 * satisfied / csat.len() as f64);
    let ces = scores("ces", None);
    same(&sample.truth["ces"]["all"]["ces"], ces.iter().sum::<i64>() as f64 / ces.len() as f64);
}

/// The first column of a Parquet source, with the amount where a contract accepts the receipt.
fn receipts(sample: &Sample, source: &str) -> Vec<(Option<String>, Option<i128>)> {
    let mut rows = Vec::new();
    for (_, content) in sample.objects.iter().filter(|(name, _)| name.starts_with(&format!("{source}/"))) {
        for batch in ParquetRecordBatchReaderBuilder::try_new(content.clone()).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let ids = batch.column(0).as_string::<i32>();
            for row in 0..batch.num_rows() {
                let text = |name: &str| {
                    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
                    column.is_valid(row).then(|| column.value(row).to_owned())
                };
                let amount = (source == "orders_store").then(|| {
                    let amount = batch.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>().value(row);
                    let items = batch.column_by_name("items").unwrap().as_primitive::<Int32Type>().value(row);
                    let known = text("store").is_some_and(|store| store != "moon") && text("customer_id").is_some();
                    let time = batch.column_by_name("sold_at").unwrap().is_valid(row);
                    (known && time && amount >= 0 && items >= 1 && !ids.value(row).contains(' ')).then_some(amount)
                });
                rows.push((text(batch.schema().field(0).name()), amount.flatten()));
            }
        }
    }
    rows
}

#[test]
fn orders_and_spend_recount() {
    let sample = sample(&small());
    let (mut cents, mut ids, mut bad) = (0, BTreeSet::new(), 0);
    for (id, amount) in receipts(&sample, "orders_store") {
        match amount {
            None => bad += 1,
            Some(amount) => {
                if ids.insert(id.unwrap()) {
                    cents += amount;
                }
            }
        }
    }
    assert_eq!(bad, sample.source("orders_store", "bad"));
    for line in sample.lines("orders_online") {
        let Ok(line) = String::from_utf8(line) else { continue };
        let cells: Vec<&str> = line.split(',').collect();
        let &[id, customer, _, channel, at, items, amount, currency, _] = cells.as_slice() else { continue };
        let fine = !id.contains(' ')
            && !customer.is_empty()
            && channel != "fax"
            && chrono::DateTime::parse_from_rfc3339(at).is_ok()
            && items.parse::<u8>().is_ok_and(|items| items > 0)
            && currency == "EUR";
        let (Ok(amount), true) = (amount.replace('.', "").parse::<i128>(), fine) else { continue };
        if amount >= 0 && ids.insert(id.to_owned()) {
            cents += amount;
        }
    }
    let all = &sample.truth["spend"]["all"];
    assert_eq!(all["orders"].as_u64().unwrap(), ids.len() as u64);
    assert_eq!(all["total"].as_str().unwrap(), format!("{}.{:02}", cents / 100, cents % 100));
}

#[test]
fn late_rows_arrive_one_to_ten_days_later() {
    let sample = sample(&crate::Options { bad: 0.0, duplicates: 0.0, ..small() });
    let mut late = 0;
    for (name, content) in
        sample.objects.iter().filter(|(name, _)| name.starts_with("reviews/") || name.starts_with("survey_answers/"))
    {
        let file: chrono::NaiveDate = name.split('=').nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        for line in content.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_slice(line).unwrap();
            let at = row["written_at"].as_str().or(row["submitted"]["at"].as_str()).unwrap();
            let day: chrono::NaiveDate = at.split('T').next().unwrap().parse().unwrap();
            let lag = (file - day).num_days();
            assert!((0..=10).contains(&lag), "{lag}");
            late += u64::from(lag > 0);
        }
    }
    assert_eq!(late, sample.source("reviews", "late") + sample.source("survey_answers", "late"));
    assert!(late > 10);
}
