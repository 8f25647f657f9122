//! Variables and the as-of, put into a syntax tree as typed values.
//!
//! A placeholder `$name` becomes an expression node that has the variable's type. Nothing is pasted as text, so a value
//! can never become SQL, and what stands around it keeps its place for diagnostics.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, SecondsFormat, Utc};
use cxmill_spec::{ColumnType, Literal, Var};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, Statement, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span as SqlSpan;

use super::sql::Named;

/// Name of the placeholder that reads the run's logical time.
pub(crate) const AS_OF: &str = "as_of";

/// The values that placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// Variables of the project.
    pub(crate) vars: &'a BTreeMap<String, Var>,
    /// The run's logical time, where it is known.
    pub(crate) as_of: Option<DateTime<Utc>>,
}

/// Replaces all placeholders that have a value; gives back those that have none.
pub(crate) fn bind(statement: &mut Statement, values: Values<'_>) -> Vec<Named> {
    let mut binder = Binder { values, unbound: Vec::new() };
    // The visitor never breaks off: it collects what it cannot bind.
    let _walked: ControlFlow<()> = VisitMut::visit(statement, &mut binder);
    binder.unbound
}

struct Binder<'a> {
    values: Values<'a>,
    unbound: Vec<Named>,
}

impl VisitorMut for Binder<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(text), span }) = expr {
            let name = text.strip_prefix('$').unwrap_or(text).to_owned();
            let span = *span;
            match self.values.expression(&name, span) {
                Some(value) => *expr = value,
                None => self.unbound.push(Named { name, span }),
            }
        }
        ControlFlow::Continue(())
    }
}

impl Values<'_> {
    fn expression(&self, name: &str, span: SqlSpan) -> Option<Expr> {
        if name == AS_OF {
            return self.as_of.map(|instant| timestamp(instant, span));
        }
        self.vars.get(name).map(|var| literal(&var.value, &var.data_type, span))
    }
}

fn literal(value: &Literal, data_type: &ColumnType, span: SqlSpan) -> Expr {
    match value {
        Literal::String(text) => string(text.clone(), span),
        Literal::Boolean(value) => Expr::Value(ValueWithSpan { value: Value::Boolean(*value), span }),
        Literal::Double(value) => number(format!("{:?}", value.abs()), value.is_sign_negative(), span),
        Literal::Int(value) => {
            let number = number(value.unsigned_abs().to_string(), *value < 0, span);
            match data_type {
                ColumnType::Int8 => cast(number, DataType::TinyInt(None)),
                ColumnType::Int16 => cast(number, DataType::SmallInt(None)),
                ColumnType::Int32 => cast(number, DataType::Int(None)),
                _ => number,
            }
        }
        Literal::Decimal(unscaled) => {
            let (precision, scale) = match data_type {
                ColumnType::Decimal { precision, scale } => (*precision, *scale),
                _ => (38, 0),
            };
            let exact = ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale));
            cast(string(decimal_text(*unscaled, scale), span), DataType::Decimal(exact))
        }
        Literal::Date(date) => cast(string(date.format("%Y-%m-%d").to_string(), span), DataType::Date),
        Literal::Timestamp(instant) => timestamp(*instant, span),
    }
}

/// The digits of an unscaled decimal with its point put in.
pub(crate) fn decimal_text(unscaled: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn number(digits: String, negative: bool, span: SqlSpan) -> Expr {
    let number = Expr::Value(ValueWithSpan { value: Value::Number(digits, false), span });
    // Parentheses keep `a -$x` from reading as `a - - x` when the tree is printed.
    if negative {
        Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number) }))
    } else {
        number
    }
}

fn string(text: String, span: SqlSpan) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span })
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `TIMESTAMP` in SQL means nanoseconds without a zone; only `arrow_cast` names microseconds in UTC.
fn timestamp(instant: DateTime<Utc>, span: SqlSpan) -> Expr {
    let text = string(instant.to_rfc3339_opts(SecondsFormat::Micros, true), span);
    let data_type = string("Timestamp(Microsecond, Some(\"UTC\"))".to_owned(), span);
    let mut name = Ident::new("arrow_cast");
    name.span = span;
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![text, data_type]
                .into_iter()
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_their_scale() {
        assert_eq!(decimal_text(12345, 2), "123.45");
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(7, 0), "7");
    }
}
