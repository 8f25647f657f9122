//! Aligned text tables: numbers to the right, text to the left, no frame, so that they read well and cut well.

use serde_json::Value;

/// A table of cells.
#[derive(Debug, Default)]
pub(crate) struct TextTable {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl TextTable {
    /// With these column names; those that start with `>` are aligned to the right.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|name| name.trim_start_matches('>').to_owned()).collect(),
            rows: Vec::new(),
            right: header.iter().map(|name| name.starts_with('>')).collect(),
        }
    }

    /// A table of query results: columns that hold numbers only are aligned to the right.
    pub(crate) fn from_values(columns: &[String], rows: &[Vec<Value>]) -> Self {
        let right = (0..columns.len())
            .map(|i| {
                let mut values = rows.iter().filter_map(|row| row.get(i)).filter(|value| !value.is_null()).peekable();
                values.peek().is_some() && values.all(Value::is_number)
            })
            .collect();
        let rows = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Self { header: columns.to_vec(), rows, right }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, each line indented by `indent` blanks.
    pub(crate) fn text(&self, indent: usize) -> String {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|i| {
                let cells = self.rows.iter().filter_map(|row| row.get(i));
                cells.chain(self.header.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let mut line = " ".repeat(indent);
            for (i, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths.get(i).copied().unwrap_or(0).saturating_sub(cell.chars().count()));
                if i > 0 {
                    line.push_str("  ");
                }
                if self.right.get(i).copied().unwrap_or(false) {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// One value as a cell: doubles with four decimals at the most, control characters made visible.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().map(visible).collect(),
        Value::Number(number) if number.is_f64() => double(number.as_f64().unwrap_or_default()),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(cell).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {}", cell(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn visible(character: char) -> char {
    if character.is_control() { '␣' } else { character }
}

fn double(value: f64) -> String {
    let text = format!("{value:.4}");
    let trimmed = text.trim_end_matches('0');
    let shown = if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() };
    if shown == "0.0" && value != 0.0 { format!("{value:e}") } else { shown }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_go_right_text_goes_left() {
        let columns = ["channel".to_owned(), "nps".to_owned()];
        let rows =
            [vec![json!("web"), json!(31.25)], vec![json!("e-mail"), json!(null)], vec![json!("app"), json!(-7.0)]];
        let table = TextTable::from_values(&columns, &rows);
        assert_eq!(table.text(2), "  channel    nps\n  web      31.25\n  e-mail       -\n  app       -7.0\n");
    }

    #[test]
    fn cells_never_hold_control_characters_and_small_doubles_do_not_vanish() {
        assert_eq!(cell(&json!("a\nb\u{1b}")), "a␣b␣");
        assert_eq!(cell(&json!(0.000_001)), "1e-6");
        assert_eq!(cell(&json!({"low": 1.5, "high": 2.0})), "{low: 1.5, high: 2.0}");
    }
}
