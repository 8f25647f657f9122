//! Rules of a column, in the column's own type.

use cxmill_spec::{Column, ColumnType, Literal, Rule};

use super::convert::{ColumnPlan, Fault, Scalar, shortened};
use super::time;

/// The rules of one column by the way its values are held.
#[derive(Debug)]
pub(crate) enum Rules {
    None,
    Text(Vec<TextRule>),
    Int(Vec<ValueRule<i64>>),
    Double(Vec<ValueRule<f64>>),
    Decimal(Vec<ValueRule<i128>>),
}

#[derive(Debug)]
pub(crate) enum TextRule {
    OneOf(Vec<Box<[u8]>>, String),
    Between(Option<Box<[u8]>>, Option<Box<[u8]>>, String),
    Matches(regex::Regex, String),
    Length(u64, u64, String),
}

/// A rule over values that compare; the text says the rule after "is not".
#[derive(Debug)]
pub(crate) enum ValueRule<T> {
    OneOf(Vec<T>, String),
    Between(Option<T>, Option<T>, String),
}

impl Rules {
    /// The rules of a column, or the name of one that does not fit its type.
    pub(crate) fn new(column: &Column) -> Result<Self, &'static str> {
        if column.rules.is_empty() {
            return Ok(Self::None);
        }
        let rules = &column.rules;
        match column.data_type {
            ColumnType::String => rules.iter().map(text_rule).collect::<Result<_, _>>().map(Self::Text),
            ColumnType::Double => value_rules(rules, |literal| match literal {
                Literal::Double(value) => Some((*value, value.to_string())),
                Literal::Int(value) => Some((*value as f64, value.to_string())),
                _ => None,
            })
            .map(Self::Double),
            ColumnType::Decimal { scale, .. } => value_rules(rules, |literal| match literal {
                Literal::Decimal(value) => Some((*value, show_decimal(*value, scale))),
                _ => None,
            })
            .map(Self::Decimal),
            _ => value_rules(rules, |literal| match literal {
                Literal::Int(value) => Some((*value, value.to_string())),
                Literal::Boolean(value) => Some(((*value).into(), value.to_string())),
                Literal::Date(date) => {
                    let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
                    Some((days, date.to_string()))
                }
                Literal::Timestamp(instant) => {
                    let micros = instant.timestamp_micros();
                    Some((micros, time::show_timestamp(micros)))
                }
                _ => None,
            })
            .map(Self::Int),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Checks a value against every rule, in the order they are written. NULL passes.
    pub(crate) fn check(&self, column: &ColumnPlan, value: Scalar<'_>) -> Result<(), Box<Fault>> {
        match (self, value) {
            (Self::Text(rules), Scalar::Text(text)) => rules.iter().try_for_each(|rule| rule.check(column, text)),
            (Self::Int(rules), Scalar::Int(held)) => {
                rules.iter().try_for_each(|rule| rule.check(held, || (column, value)))
            }
            (Self::Double(rules), Scalar::Double(held)) => {
                rules.iter().try_for_each(|rule| rule.check(held, || (column, value)))
            }
            (Self::Decimal(rules), Scalar::Decimal(held)) => {
                rules.iter().try_for_each(|rule| rule.check(held, || (column, value)))
            }
            _ => Ok(()),
        }
    }
}

impl<T: PartialOrd + Copy> ValueRule<T> {
    #[inline]
    fn check<'a>(&self, value: T, context: impl Fn() -> (&'a ColumnPlan, Scalar<'a>)) -> Result<(), Box<Fault>> {
        let (kept, rule, said) = match self {
            Self::OneOf(allowed, said) => (allowed.contains(&value), "one_of", said),
            Self::Between(low, high, said) => {
                let kept = low.is_none_or(|low| low <= value) && high.is_none_or(|high| value <= high);
                (kept, "between", said)
            }
        };
        if kept {
            return Ok(());
        }
        let (column, scalar) = context();
        Err(broken(column, rule, &column.text_of(scalar), said))
    }
}

impl TextRule {
    fn check(&self, column: &ColumnPlan, text: &[u8]) -> Result<(), Box<Fault>> {
        let (kept, rule, said) = match self {
            Self::OneOf(allowed, said) => (allowed.iter().any(|one| **one == *text), "one_of", said),
            Self::Between(low, high, said) => {
                let kept =
                    low.as_ref().is_none_or(|low| **low <= *text) && high.as_ref().is_none_or(|high| *text <= **high);
                (kept, "between", said)
            }
            Self::Matches(regex, said) => {
                (std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text)), "matches", said)
            }
            Self::Length(low, high, said) => {
                // A character is counted by its first byte.
                let length = text.iter().filter(|byte| (**byte as i8) >= -64).count() as u64;
                ((*low..=*high).contains(&length), "length", said)
            }
        };
        if kept { Ok(()) } else { Err(broken(column, rule, &format!("\"{}\"", shortened(text)), said)) }
    }
}

#[cold]
fn broken(column: &ColumnPlan, rule: &'static str, value: &str, said: &str) -> Box<Fault> {
    let value = if column.private { "the value" } else { value };
    column.fault(rule, format!("{value} {said}"))
}

fn text_rule(rule: &Rule) -> Result<TextRule, &'static str> {
    let text = |literal: &Literal| match literal {
        Literal::String(text) => Ok(text.clone().into_bytes().into_boxed_slice()),
        _ => Err(rule.name()),
    };
    let shown = |literal: &Literal| match literal {
        Literal::String(text) => format!("\"{text}\""),
        _ => String::new(),
    };
    Ok(match rule {
        Rule::OneOf(literals) => {
            let said = listed(&literals.iter().map(shown).collect::<Vec<_>>());
            TextRule::OneOf(literals.iter().map(text).collect::<Result<_, _>>()?, said)
        }
        Rule::Between(low, high) => {
            let said = ranged(low.as_ref().map(shown), high.as_ref().map(shown));
            TextRule::Between(low.as_ref().map(text).transpose()?, high.as_ref().map(text).transpose()?, said)
        }
        Rule::Matches(regex) => TextRule::Matches(regex.clone(), format!("does not match {}", regex.as_str())),
        Rule::Length(low, high) => {
            let said = match (low, high) {
                (Some(low), Some(high)) => format!("has not {low} to {high} characters"),
                (Some(low), None) => format!("has fewer than {low} characters"),
                (None, Some(high)) => format!("has more than {high} characters"),
                (None, None) => String::new(),
            };
            TextRule::Length(low.unwrap_or(0), high.unwrap_or(u64::MAX), said)
        }
    })
}

fn value_rules<T>(
    rules: &[Rule],
    value: impl Fn(&Literal) -> Option<(T, String)>,
) -> Result<Vec<ValueRule<T>>, &'static str> {
    rules
        .iter()
        .map(|rule| {
            let typed = |literal: &Literal| value(literal).ok_or(rule.name());
            match rule {
                Rule::OneOf(literals) => {
                    let (values, shown): (Vec<_>, Vec<_>) =
                        literals.iter().map(typed).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
                    Ok(ValueRule::OneOf(values, listed(&shown)))
                }
                Rule::Between(low, high) => {
                    let (low, low_shown) = low.as_ref().map(typed).transpose()?.unzip();
                    let (high, high_shown) = high.as_ref().map(typed).transpose()?.unzip();
                    Ok(ValueRule::Between(low, high, ranged(low_shown, high_shown)))
                }
                Rule::Matches(_) | Rule::Length(..) => Err(rule.name()),
            }
        })
        .collect()
}

fn listed(values: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = if values.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = values.iter().take(SHOWN).map(String::as_str).collect();
    format!("is not one of {}{more}", shown.join(", "))
}

fn ranged(low: Option<String>, high: Option<String>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("is not between {low} and {high}"),
        (Some(low), None) => format!("is less than {low}"),
        (None, Some(high)) => format!("is more than {high}"),
        (None, None) => String::new(),
    }
}

fn show_decimal(value: i128, scale: i8) -> String {
    use arrow::datatypes::{Decimal128Type, DecimalType};
    Decimal128Type::format_decimal(value, 38, scale)
}
