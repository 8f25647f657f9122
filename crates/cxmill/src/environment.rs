//! The environment and the clock, read once.

use std::collections::BTreeMap;
use std::ffi::OsString;

use chrono::{DateTime, Utc};
use cxmill_engine::Environment;

/// Prefixes of the variables that object stores take credentials from.
const CREDENTIALS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Variables with the prefix that are no settings.
const RESERVED: [&str; 3] = ["CXMILL_PRIVATE_KEY", "CXMILL_LOG", "CXMILL_TEST_"];

/// What cxmill takes from outside.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    /// Variables that credentials may come from.
    pub(crate) credentials: Environment,
    /// Settings from `CXMILL_…`: name of the variable, dotted key, value.
    pub(crate) settings: Vec<(String, String, String)>,
    /// Text of `CXMILL_PRIVATE_KEY`.
    pub(crate) private_key: Option<Secret>,
    /// Filter of `CXMILL_LOG`.
    pub(crate) log: Option<String>,
    /// Whether colour is welcome: no `NO_COLOR`, and no terminal that says it is dumb.
    pub(crate) colour: bool,
    /// The wall clock at the start of the command.
    pub(crate) now: DateTime<Utc>,
}

/// A text that is never shown.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Reads the environment and the clock.
pub(crate) fn read() -> Outside {
    // A variable of somebody else may hold anything.
    let text = |part: OsString| part.to_string_lossy().into_owned();
    from_variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))), now())
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

fn from_variables(variables: impl Iterator<Item = (String, String)>, now: DateTime<Utc>) -> Outside {
    let mut outside = Outside {
        credentials: Environment(BTreeMap::new()),
        settings: Vec::new(),
        private_key: None,
        log: None,
        colour: true,
        now,
    };
    for (name, value) in variables {
        if CREDENTIALS.iter().any(|prefix| name.starts_with(prefix)) {
            outside.credentials.0.insert(name, value);
        } else if name == "CXMILL_PRIVATE_KEY" {
            outside.private_key = Some(Secret(value));
        } else if (name == "NO_COLOR" && !value.is_empty()) || (name == "TERM" && value == "dumb") {
            outside.colour = false;
        } else if name == "CXMILL_LOG" {
            outside.log = Some(value);
        } else if let Some(key) = name.strip_prefix("CXMILL_")
            && !RESERVED.iter().any(|reserved| name.starts_with(reserved))
        {
            let key = key.to_ascii_lowercase().replace("__", ".");
            outside.settings.push((name, key, value));
        }
    }
    outside.settings.sort();
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_sorted_into_settings_credentials_and_secrets() {
        let variables = [
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("CXMILL_STORES__S3__ENDPOINT", "http://localhost:8333"),
            ("CXMILL_MEMORY_LIMIT", "1GB"),
            ("CXMILL_PRIVATE_KEY", "hidden"),
            ("CXMILL_TEST_PYTHON", "x"),
            ("HOME", "/"),
        ];
        let outside = from_variables(
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())),
            DateTime::UNIX_EPOCH,
        );
        let keys: Vec<_> = outside.settings.iter().map(|(_, key, _)| key.as_str()).collect();
        assert_eq!(keys, ["memory_limit", "stores.s3.endpoint"]);
        assert!(outside.colour);
        let shown = format!("{outside:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("s3cret") && !shown.contains("hidden"));
    }

    #[test]
    fn colour_is_left_out_where_it_is_not_welcome() {
        let colour = |name: &str, value: &str| {
            from_variables(std::iter::once((name.to_owned(), value.to_owned())), DateTime::UNIX_EPOCH).colour
        };
        assert!(!colour("NO_COLOR", "1") && !colour("TERM", "dumb"));
        assert!(colour("NO_COLOR", "") && colour("TERM", "xterm-256color"));
    }
}
