//! Sources and raw records that the benches share, and the allocator of the command. Everything is made from a seed, so two runs measure
//! the same bytes.

use cxmill_spec::{
    Column, ColumnType, ErrorBudget, FileId, Format, Kind, Literal, OnChange, Rule, Source, Span, TimestampFormat,
    UniqueWithin, UnknownFields,
};

/// That of the command, so that a bench measures what a user gets.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

/// A column of a bench source that takes its value from the field of its name.
#[must_use]
pub fn column(name: &str, data_type: ColumnType, required: bool) -> Column {
    Column {
        name: name.to_owned(),
        from: vec![name.to_owned()],
        data_type,
        required,
        private: false,
        rules: Vec::new(),
        description: None,
        span: NOWHERE,
    }
}

/// A source of these columns.
#[must_use]
pub fn source(format: Format, columns: Vec<Column>) -> Source {
    Source {
        name: "events".to_owned(),
        description: None,
        location: String::new(),
        location_span: NOWHERE,
        format,
        columns,
        event_time: Some("occurred_at".to_owned()),
        time_zone: chrono_tz::Tz::UTC,
        unique_key: Vec::new(),
        unique_within: UniqueWithin::default(),
        error_budget: ErrorBudget::default(),
        kind: Kind::Events,
        unknown_fields: UnknownFields::Ignore,
        on_change: OnChange::default(),
        late_after: None,
        span: NOWHERE,
    }
}

/// All columns of an interaction record, as [`interactions`] writes them.
#[must_use]
pub fn interaction_columns() -> Vec<Column> {
    let channels = ["web", "app", "email", "chat", "phone", "store"];
    let mut columns = vec![
        column("event_id", ColumnType::String, true),
        column("customer_id", ColumnType::String, true),
        column("occurred_at", ColumnType::Timestamp(TimestampFormat::Iso8601), true),
        column("channel", ColumnType::String, true),
        column("kind", ColumnType::String, true),
        column("page", ColumnType::String, false),
        column("session", ColumnType::Int64, false),
        column("seconds", ColumnType::Double, false),
        column("score", ColumnType::Int8, false),
        column("amount", ColumnType::Decimal { precision: 12, scale: 2 }, false),
        column("returning", ColumnType::Boolean, false),
        column("comment", ColumnType::String, false),
    ];
    for column in &mut columns {
        match column.name.as_str() {
            "channel" => {
                column.rules =
                    vec![Rule::OneOf(channels.iter().map(|name| Literal::String((*name).to_owned())).collect())];
            }
            "score" => column.rules = vec![Rule::Between(Some(Literal::Int(0)), Some(Literal::Int(10)))],
            _ => {}
        }
    }
    columns
}

/// A small generator of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

const CHANNELS: [&str; 6] = ["web", "app", "email", "chat", "phone", "store"];
const KINDS: [&str; 5] = ["view", "click", "search", "purchase", "support"];
const COMMENTS: [&str; 4] = [
    "quick and friendly",
    "waited far too long on the phone",
    "Paket kam verspätet an",
    "the app said \\\"error\\\" twice",
];

/// Interactions as NDJSON, about `bytes` of it.
#[must_use]
pub fn interactions(bytes: usize, seed: u64) -> Vec<u8> {
    use std::fmt::Write;
    let mut numbers = Numbers(seed);
    let mut out = String::with_capacity(bytes + 512);
    let mut id = 0u64;
    while out.len() < bytes {
        id += 1;
        let mut pick = |bound| usize::try_from(numbers.below(bound)).unwrap_or(0);
        let (month, day, hour, minute, second) = (pick(12) + 1, pick(28) + 1, pick(24), pick(60), pick(60));
        let (milli, customer, page) = (pick(1000), pick(500_000), pick(900));
        let (session, seconds, score) = (pick(1_000_000_000), pick(100_000), pick(11));
        let (euros, cents, returning) = (pick(5000), pick(100), pick(2) == 1);
        let written = write!(
            out,
            "{{\"event_id\":\"e{id:012x}\",\"customer_id\":\"c{customer:07}\",\
             \"occurred_at\":\"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\",\
             \"channel\":\"{}\",\"kind\":\"{}\",\"page\":\"/shop/article/{page}\",\"session\":{session},\
             \"seconds\":{}.{},\"score\":{score},\"amount\":{euros}.{cents:02},\"returning\":{returning},\"comment\":",
            CHANNELS[pick(6)],
            KINDS[pick(5)],
            seconds / 10,
            seconds % 10,
        );
        debug_assert!(written.is_ok(), "a string takes everything");
        match pick(8) {
            comment @ 0..4 => {
                out.push('"');
                out.push_str(COMMENTS[comment]);
                out.push('"');
            }
            _ => out.push_str("null"),
        }
        out.push_str("}\n");
    }
    out.into_bytes()
}
