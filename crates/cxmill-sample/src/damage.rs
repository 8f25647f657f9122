//! How rows are spoiled, so that a contract must reject each of them exactly once.

/// One way to spoil a row of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    /// What the truth calls it.
    pub(crate) kind: &'static str,
    pub(crate) harm: Harm,
}

/// What is done to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The record ends too early; the line break stays.
    CutShort,
    /// Something else stands in its place.
    Garbage,
    /// A byte of the first value is not UTF-8.
    Encoding,
    /// The field is absent, an empty cell or null.
    Missing(&'static str),
    /// The field holds this text instead, as written.
    Value(&'static str, &'static str),
}

impl Damage {
    const fn value(kind: &'static str, field: &'static str, raw: &'static str) -> Self {
        Self { kind, harm: Harm::Value(field, raw) }
    }

    pub(crate) const fn out_of_range(field: &'static str, raw: &'static str) -> Self {
        Self::value("out_of_range", field, raw)
    }

    pub(crate) const fn unknown_value(field: &'static str, raw: &'static str) -> Self {
        Self::value("unknown_value", field, raw)
    }

    pub(crate) const fn wrong_type(field: &'static str, raw: &'static str) -> Self {
        Self::value("wrong_type", field, raw)
    }

    pub(crate) const fn invalid_timestamp(field: &'static str, raw: &'static str) -> Self {
        Self::value("invalid_timestamp", field, raw)
    }

    pub(crate) const fn bad_pattern(field: &'static str, raw: &'static str) -> Self {
        Self::value("bad_pattern", field, raw)
    }

    pub(crate) const fn missing(field: &'static str) -> Self {
        Self { kind: "missing_required", harm: Harm::Missing(field) }
    }

    pub(crate) const CUT_SHORT: Self = Self { kind: "cut_short", harm: Harm::CutShort };
    pub(crate) const GARBAGE: Self = Self { kind: "malformed", harm: Harm::Garbage };
    pub(crate) const ENCODING: Self = Self { kind: "invalid_encoding", harm: Harm::Encoding };

    /// What stands in the place of a field, if this damage is to that field: `Some(None)` for nothing.
    pub(crate) fn replaces(&self, field: &str) -> Option<Option<&'static str>> {
        match self.harm {
            Harm::Missing(name) if name == field => Some(None),
            Harm::Value(name, raw) if name == field => Some(Some(raw)),
            _ => None,
        }
    }
}

/// Spoils the text of a finished record (without its line break) that starts at `start`.
pub(crate) fn spoil(damage: &Damage, out: &mut Vec<u8>, start: usize, first_value: usize, cut: usize) {
    match damage.harm {
        Harm::CutShort => out.truncate(cut),
        Harm::Garbage => {
            out.truncate(start);
            out.extend_from_slice(b"<html><body>502 Bad Gateway</body></html>");
        }
        Harm::Encoding => {
            if let Some(byte) = out.get_mut(first_value + 1) {
                *byte = 0xFF;
            }
        }
        Harm::Missing(_) | Harm::Value(..) => {}
    }
}
