//! Projects for tests of the engine, written as they look in a pipeline file so that positions are real.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cxmill_spec::text::Span;
use cxmill_spec::{
    Check, CheckKind, Column, ColumnType, Diagnostic, ErrorBudget, FileId, Format, Granularity, History, Kind, Level,
    Literal, Model, OnChange, Output, PartitionBy, Project, Settings, Severity, Source, Sql, Strategy, Texts,
    TimestampFormat, UniqueWithin, UnknownFields, Var, Window,
};

/// A project in the making.
#[derive(Debug, Default)]
pub(crate) struct Fixture {
    text: String,
    sources: BTreeMap<String, Source>,
    models: BTreeMap<String, Model>,
    vars: BTreeMap<String, Var>,
}

const FILE: FileId = FileId(0);

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The survey answers and orders that most tests read.
    pub(crate) fn shop() -> Self {
        Self::new()
            .source(
                "survey_answers",
                &[
                    ("answer_id", ColumnType::String, true),
                    ("customer_id", ColumnType::String, true),
                    ("answered_at", ColumnType::Timestamp(TimestampFormat::Iso8601), true),
                    ("channel", ColumnType::String, true),
                    ("score", ColumnType::Int8, false),
                ],
            )
            .source(
                "orders",
                &[
                    ("order_id", ColumnType::String, true),
                    ("customer_id", ColumnType::String, true),
                    ("ordered_at", ColumnType::Timestamp(TimestampFormat::Iso8601), true),
                    ("amount", ColumnType::Decimal { precision: 12, scale: 2 }, true),
                ],
            )
    }

    fn place(&mut self, indent: usize, text: &str) -> Span {
        let start = self.text.len() + indent;
        writeln!(self.text, "{:indent$}{text}", "").unwrap();
        Span { file: FILE, start, end: start + text.trim_end_matches(':').len() }
    }

    pub(crate) fn source(mut self, name: &str, columns: &[(&str, ColumnType, bool)]) -> Self {
        let span = self.place(2, &format!("{name}:"));
        let columns: Vec<Column> = columns
            .iter()
            .map(|(name, data_type, required)| Column {
                name: (*name).to_owned(),
                from: vec![(*name).to_owned()],
                data_type: data_type.clone(),
                required: *required,
                private: false,
                rules: vec![],
                description: None,
                span,
            })
            .collect();
        let event_time =
            columns.iter().find(|c| matches!(c.data_type, ColumnType::Timestamp(_))).map(|c| c.name.clone());
        let source = Source {
            name: name.to_owned(),
            description: None,
            kind: Kind::Events,
            location: format!("raw/{name}/"),
            location_span: span,
            format: Format::Ndjson,
            columns,
            event_time,
            time_zone: chrono_tz::UTC,
            unique_key: vec![],
            unique_within: UniqueWithin::default(),
            error_budget: ErrorBudget::default(),
            unknown_fields: UnknownFields::default(),
            on_change: OnChange::default(),
            late_after: None,
            span,
        };
        self.sources.insert(name.to_owned(), source);
        self
    }

    fn sql(&mut self, indent: usize, key: &str, text: &str) -> Sql {
        writeln!(self.text, "{:indent$}{key}: |", "").unwrap();
        let mut line_offsets = Vec::new();
        for line in text.lines() {
            line_offsets.push(self.text.len() + indent + 2);
            writeln!(self.text, "{:width$}{line}", "", width = indent + 2).unwrap();
        }
        Sql { text: text.into(), file: FILE, line_offsets }
    }

    pub(crate) fn model(mut self, name: &str, sql: &str) -> Self {
        let span = self.place(2, &format!("{name}:"));
        let sql = self.sql(4, "sql", sql);
        let model = Model {
            name: name.to_owned(),
            description: None,
            sql,
            strategy: None,
            window: None,
            grain: vec![],
            checks: vec![],
            output: Output::default(),
            span,
        };
        self.models.insert(name.to_owned(), model);
        self
    }

    pub(crate) fn view(self, name: &str, sql: &str) -> Self {
        let mut this = self.model(name, sql);
        this.models.get_mut(name).unwrap().strategy = Some(Strategy::View);
        this
    }

    pub(crate) fn pinned(mut self, model: &str, strategy: Strategy) -> Self {
        self.models.get_mut(model).unwrap().strategy = Some(strategy);
        self
    }

    pub(crate) fn window(mut self, model: &str, before: i32, after: i32) -> Self {
        let span = self.place(4, "window:");
        self.models.get_mut(model).unwrap().window = Some(Window { before, after, span });
        self
    }

    pub(crate) fn snapshot(mut self, source: &str, history: History) -> Self {
        let source = self.sources.get_mut(source).unwrap();
        (source.kind, source.event_time) = (Kind::Snapshot(history), None);
        self
    }

    pub(crate) fn zone(mut self, source: &str, zone: chrono_tz::Tz) -> Self {
        self.sources.get_mut(source).unwrap().time_zone = zone;
        self
    }

    pub(crate) fn grain(mut self, model: &str, columns: &[&str]) -> Self {
        let span = self.place(4, &format!("grain: [{}]", columns.join(", ")));
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let model = self.models.get_mut(model).unwrap();
        model.grain.clone_from(&columns);
        for kind in [CheckKind::NotNull(columns.clone()), CheckKind::Unique(columns)] {
            model.checks.push(Check { kind, severity: Severity::Error, span });
        }
        self
    }

    pub(crate) fn check(mut self, model: &str, text: &str, kind: CheckKind) -> Self {
        let span = self.place(6, text);
        self.models.get_mut(model).unwrap().checks.push(Check { kind, severity: Severity::Error, span });
        self
    }

    pub(crate) fn sql_check(mut self, model: &str, text: &str) -> Self {
        let sql = self.sql(6, "- sql", text);
        let span = sql.whole();
        let check = Check { kind: CheckKind::Sql(sql), severity: Severity::Warn, span };
        self.models.get_mut(model).unwrap().checks.push(check);
        self
    }

    pub(crate) fn partition(mut self, model: &str, column: &str, granularity: Option<Granularity>) -> Self {
        let text = granularity.map_or_else(|| column.to_owned(), |g| format!("{}: {column}", g.name()));
        let span = self.place(6, &text);
        let partition = PartitionBy { column: column.to_owned(), granularity, span };
        self.models.get_mut(model).unwrap().output.partition_by.push(partition);
        self
    }

    pub(crate) fn sort(mut self, model: &str, columns: &[&str]) -> Self {
        let span = self.place(6, &format!("sort_by: [{}]", columns.join(", ")));
        let output = &mut self.models.get_mut(model).unwrap().output;
        output.sort_by = columns.iter().map(|c| (*c).to_owned()).collect();
        output.span = Some(span);
        self
    }

    pub(crate) fn var(mut self, name: &str, data_type: ColumnType, value: Literal) -> Self {
        let span = self.place(2, &format!("{name}:"));
        self.vars.insert(name.to_owned(), Var { data_type, value, description: None, span });
        self
    }

    pub(crate) fn project(self) -> Project {
        let mut texts = Texts::default();
        texts.add("pipelines/test.yaml", self.text);
        Project {
            settings: Settings {
                raw: "raw".to_owned(),
                output: "output".to_owned(),
                state: "state".to_owned(),
                time_zone: chrono_tz::Europe::Rome,
                memory_limit: 256 << 20,
                threads: 2,
                max_batch_bytes: 1 << 30,
                stores: BTreeMap::new(),
                store_spans: BTreeMap::new(),
                sample: None,
            },
            sources: self.sources,
            models: self.models,
            vars: self.vars,
            summary: Vec::new(),
            report: Vec::new(),
            scenarios: Vec::new(),
            descriptions: BTreeMap::new(),
            texts,
        }
    }
}

/// Findings as text: place, level, code, message, the line with its place marked, and help.
pub(crate) fn render(texts: &Texts, findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = if finding.level == Level::Error { "error" } else { "warning" };
        let Some(span) = finding.span else {
            writeln!(out, "{level}[{}]: {}", finding.code, finding.message).unwrap();
            continue;
        };
        let at = texts.position(span.file, span.start);
        let text = texts.get(span.file).unwrap();
        let line = text.content.lines().nth(at.line - 1).unwrap_or_default();
        let marked = text.content.get(span.start..span.end).unwrap_or_default().lines().next().unwrap_or_default();
        let width = marked.chars().count().max(1);
        writeln!(out, "{}:{}: {level}[{}]: {}", at.line, at.column, finding.code, finding.message).unwrap();
        writeln!(out, "  | {}", line.trim_start()).unwrap();
        let indent = at.column - 1 - (line.len() - line.trim_start().len()).min(at.column - 1);
        writeln!(out, "  | {:indent$}{}", "", "^".repeat(width)).unwrap();
        if let Some(help) = &finding.help {
            writeln!(out, "  help: {help}").unwrap();
        }
    }
    out
}
