//! Sources for tests, written as short as a test wants them.

use cxmill_spec::{
    Column, ColumnType, ErrorBudget, FileId, Format, OnChange, Rule, Source, Span, TimestampFormat, UniqueWithin,
    UnknownFields,
};

use crate::private::PrivateKey;

const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

/// The key of every test.
pub(crate) const KEY: PrivateKey = PrivateKey([9; 32]);

/// An optional column that takes its value from the field of its name.
pub(crate) fn column(name: &str, data_type: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        from: vec![name.to_owned()],
        data_type,
        required: false,
        private: false,
        rules: Vec::new(),
        description: None,
        span: NOWHERE,
    }
}

pub(crate) fn required(column: Column) -> Column {
    Column { required: true, ..column }
}

pub(crate) fn private(column: Column) -> Column {
    Column { private: true, ..column }
}

pub(crate) fn from(column: Column, path: &[&str]) -> Column {
    Column { from: path.iter().map(|part| (*part).to_owned()).collect(), ..column }
}

pub(crate) fn ruled(column: Column, rules: Vec<Rule>) -> Column {
    Column { rules, ..column }
}

pub(crate) const ISO: ColumnType = ColumnType::Timestamp(TimestampFormat::Iso8601);

pub(crate) fn source(format: Format, columns: Vec<Column>) -> Source {
    Source {
        name: "events".to_owned(),
        description: None,
        kind: cxmill_spec::Kind::Events,
        location: String::new(),
        location_span: NOWHERE,
        format,
        columns,
        event_time: Some("at".to_owned()),
        time_zone: chrono_tz::Tz::UTC,
        unique_key: Vec::new(),
        unique_within: UniqueWithin::Date,
        error_budget: ErrorBudget::default(),
        unknown_fields: UnknownFields::Ignore,
        on_change: OnChange::Fail,
        late_after: None,
        span: NOWHERE,
    }
}
