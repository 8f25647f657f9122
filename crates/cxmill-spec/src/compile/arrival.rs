//! What is done about rows that come again, and about rows that come late.

use std::time::Duration;

use crate::compile::Scope;
use crate::source::UniqueWithin;
use crate::units;
use crate::yaml::Node;

/// The limit of `late_after`, where it can be read.
pub(super) fn late_after(node: &Node, scope: &mut Scope<'_>) -> Option<Duration> {
    let entry = node.entry("late_after")?;
    if node.get("event_time").is_none() {
        let message = "`late_after` has no meaning for rows without an event time";
        scope.error("misplaced-key", entry.key_span, message, "name the `event_time`, or take it out");
        return None;
    }
    let text = entry.node.text()?;
    let duration = units::duration(text).filter(|duration| !duration.is_zero());
    if duration.is_none() {
        let help = "write a number and a unit, as in `12h`, `30d` or `2w`";
        scope.error("bad-value", entry.node.span, format!("`{text}` is no time that a row may take"), help);
    }
    duration
}

/// The distance of `unique_within`; that of the same date where it cannot be read.
pub(super) fn unique_within(node: &Node, scope: &mut Scope<'_>) -> UniqueWithin {
    let Some(entry) = node.entry("unique_within") else { return UniqueWithin::Date };
    let missing = ["unique_key", "event_time"].into_iter().find(|key| node.get(key).is_none());
    if let Some(key) = missing {
        let message = format!("`unique_within` has no meaning without `{key}`");
        scope.error("misplaced-key", entry.key_span, message, format!("write `{key}` as well, or take it out"));
        return UniqueWithin::Date;
    }
    let Some(text) = entry.node.text() else { return UniqueWithin::Date };
    if text == "all" {
        return UniqueWithin::All;
    }
    let days = units::duration(text).map(|duration| (duration.as_secs() / DAY, duration.as_secs() % DAY));
    let days = days.filter(|(_, rest)| *rest == 0).and_then(|(days, _)| u16::try_from(days).ok());
    if let Some(days) = days.filter(|days| *days > 0) {
        return UniqueWithin::Days(days);
    }
    let help = "write a number of whole days, as in `30d` or `2w`, or `all`";
    scope.error("bad-value", entry.node.span, format!("`{text}` is no number of days"), help);
    UniqueWithin::Date
}

/// Seconds of a day.
const DAY: u64 = 86_400;
