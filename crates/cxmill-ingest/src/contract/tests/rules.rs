//! Rules after conversion.

use cxmill_spec::{ColumnType, Format, Literal, Rule};

use crate::contract::ZoneCache;
use crate::contract::convert::{Cell, ColumnPlan};
use crate::contract::testing::{ISO, column, private, ruled, source};

fn outcome(plan: &ColumnPlan, text: &str) -> String {
    match plan.read(Cell::Text(text.as_bytes()), &mut ZoneCache::new(chrono_tz::Tz::UTC)) {
        Ok(_) => "ok".to_owned(),
        Err(fault) => format!("{} | {}", fault.rule, fault.message),
    }
}

fn plan(column: cxmill_spec::Column) -> ColumnPlan {
    let source = source(Format::Ndjson, vec![column]);
    ColumnPlan::new(&source, &source.columns[0]).unwrap()
}

fn string(text: &str) -> Literal {
    Literal::String(text.to_owned())
}

#[test]
fn one_of_holds_for_strings_and_numbers() {
    let channel =
        plan(ruled(column("channel", ColumnType::String), vec![Rule::OneOf(vec![string("web"), string("app")])]));
    assert_eq!(outcome(&channel, "web"), "ok");
    assert_eq!(outcome(&channel, "fax"), "one_of | channel: \"fax\" is not one of \"web\", \"app\"");
    let stars =
        plan(ruled(column("stars", ColumnType::Int8), vec![Rule::OneOf(vec![Literal::Int(1), Literal::Int(5)])]));
    assert_eq!(outcome(&stars, "5"), "ok");
    assert_eq!(outcome(&stars, "3"), "one_of | stars: 3 is not one of 1, 5");
}

#[test]
fn between_holds_its_ends_for_every_ordered_type() {
    let score = |low, high| plan(ruled(column("score", ColumnType::Int8), vec![Rule::Between(low, high)]));
    let both = score(Some(Literal::Int(0)), Some(Literal::Int(10)));
    assert_eq!(outcome(&both, "0"), "ok");
    assert_eq!(outcome(&both, "10"), "ok");
    assert_eq!(outcome(&both, "11"), "between | score: 11 is not between 0 and 10");
    assert_eq!(outcome(&score(Some(Literal::Int(0)), None), "-1"), "between | score: -1 is less than 0");
    assert_eq!(outcome(&score(None, Some(Literal::Int(5))), "6"), "between | score: 6 is more than 5");
    let amount = plan(ruled(
        column("amount", ColumnType::Decimal { precision: 10, scale: 2 }),
        vec![Rule::Between(Some(Literal::Decimal(0)), Some(Literal::Decimal(1050)))],
    ));
    assert_eq!(outcome(&amount, "10.5"), "ok");
    assert_eq!(outcome(&amount, "10.51"), "between | amount: 10.51 is not between 0.00 and 10.50");
    let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let date = plan(ruled(
        column("day", ColumnType::Date(cxmill_spec::DateFormat::Iso8601)),
        vec![Rule::Between(Some(Literal::Date(day)), None)],
    ));
    assert_eq!(outcome(&date, "2026-01-01"), "ok");
    assert_eq!(outcome(&date, "2025-12-31"), "between | day: 2025-12-31 is less than 2026-01-01");
    let instant = day.and_hms_opt(10, 0, 0).unwrap().and_utc();
    let at = plan(ruled(column("at", ISO), vec![Rule::Between(Some(Literal::Timestamp(instant)), None)]));
    assert_eq!(outcome(&at, "2026-01-01T10:00:00Z"), "ok");
    assert_eq!(
        outcome(&at, "2026-01-01T10:59:59+01:00"),
        "between | at: 2026-01-01T09:59:59Z is less than 2026-01-01T10:00:00Z"
    );
}

#[test]
fn matches_and_length_hold_for_text() {
    let code = plan(ruled(
        column("code", ColumnType::String),
        vec![Rule::Length(Some(2), Some(4)), Rule::Matches(regex::Regex::new(r"^\p{Lu}+$").unwrap())],
    ));
    assert_eq!(outcome(&code, "ÄÖÜÉ"), "ok");
    assert_eq!(outcome(&code, "A"), "length | code: \"A\" has not 2 to 4 characters");
    assert_eq!(outcome(&code, "ÄÖÜÉÈ"), "length | code: \"ÄÖÜÉÈ\" has not 2 to 4 characters");
    assert_eq!(outcome(&code, "abc"), r#"matches | code: "abc" does not match ^\p{Lu}+$"#);
}

#[test]
fn a_broken_rule_does_not_show_a_private_value() {
    let mail = ruled(column("mail", ColumnType::String), vec![Rule::Matches(regex::Regex::new("@").unwrap())]);
    assert_eq!(outcome(&plan(private(mail)), "secret"), "matches | mail: the value does not match @");
}

#[test]
fn a_rule_that_does_not_fit_its_type_is_a_bug_of_the_caller() {
    let column = ruled(column("n", ColumnType::Int8), vec![Rule::Length(Some(1), None)]);
    let source = source(Format::Ndjson, vec![column]);
    let error = ColumnPlan::new(&source, &source.columns[0]).unwrap_err().to_string();
    assert!(error.contains("length") && error.contains('n'), "{error}");
}
