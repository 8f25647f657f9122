//! Locations and settings of stores, judged without opening any.

use cxmill_ingest::Place;
use cxmill_spec::{Diagnostic, Project};

/// Whatever opening a place would refuse for how it is written.
pub(super) fn check(project: &Project) -> Vec<Diagnostic> {
    let settings = &project.settings;
    let mut findings = Vec::new();
    for (scheme, keys) in &settings.stores {
        for key in keys.keys() {
            if let Err(wrong) = Place::check_setting(scheme, key) {
                let span = settings.store_spans.get(&(scheme.clone(), key.clone())).copied();
                findings.push(match wrong.split_once("; ") {
                    Some((wrong, help)) => Diagnostic::error("unknown-key", span, wrong).with_help(help),
                    None => Diagnostic::error("unknown-key", span, wrong),
                });
            }
        }
    }
    for source in project.sources.values() {
        if let Err(wrong) = Place::check(&source.location) {
            let message = format!("`location` of `{}`: {wrong}", source.name);
            findings.push(Diagnostic::error("bad-location", source.location_span, message));
        }
    }
    for (key, root) in [("raw", &settings.raw), ("output", &settings.output), ("state", &settings.state)] {
        if let Err(wrong) = Place::check(root) {
            findings.push(Diagnostic::error("bad-location", None, format!("`{key}`: {wrong}")));
        }
    }
    findings
}
