//! What is done about rows that come late.

use std::time::Duration;

use crate::compile::Scope;
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
