//! Settings: config files, then the environment, then the command line, each laid over what came before.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::compile::credential;
use crate::diagnostic::Diagnostic;
use crate::keys;
use crate::literal;
use crate::names::meant;
use crate::settings::{SampleSettings, Settings};
use crate::shape::{self, Shape};
use crate::text::{Span, Texts};
use crate::units;
use crate::yaml::{Kind, Node, Scalar, Value, shorten};

/// The least memory a run can work with, in bytes.
const LEAST_MEMORY: u64 = 128_000_000;

/// A value for a setting or a variable, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) scalar: Scalar,
    /// Where it is written, if in a file.
    pub(super) span: Option<Span>,
    /// Where it comes from, if from elsewhere.
    pub(super) origin: Option<String>,
}

impl Given {
    /// An error about this value.
    pub(super) fn error(&self, code: &'static str, what: &str, help: impl Into<String>) -> Diagnostic {
        let origin = self.origin.as_ref().map(|origin| format!(" (from {origin})")).unwrap_or_default();
        Diagnostic::error(code, self.span, format!("{what}{origin}")).with_help(help)
    }
}

/// The settings, and the values given for variables.
pub(super) fn compile(
    layers: &[Node],
    overrides: &[(String, String, String)],
    cores: usize,
    machine_memory: Option<u64>,
    texts: &Texts,
    out: &mut Vec<Diagnostic>,
) -> (Settings, BTreeMap<String, Given>) {
    let mut settings = Settings {
        raw: "data/raw".to_owned(),
        output: "data/output".to_owned(),
        state: "data/state".to_owned(),
        time_zone: Tz::UTC,
        memory_limit: 2_000_000_000,
        threads: cores.max(1),
        max_batch_bytes: 512_000_000,
        stores: BTreeMap::new(),
        store_spans: BTreeMap::new(),
        sample: None,
    };
    let mut vars = BTreeMap::new();

    for layer in layers.iter().filter(|layer| !layer.is_null()) {
        let path = texts.get(layer.span.file).map_or("", |text| &text.path);
        shape::check(layer, &Shape::Object(&keys::CONFIG), path, texts, out);
        for entry in layer.entries() {
            match entry.key.as_str() {
                "vars" => {
                    for var in entry.node.entries() {
                        if let Some(scalar) = var.node.scalar() {
                            let given = Given { scalar: scalar.clone(), span: Some(var.node.span), origin: None };
                            vars.insert(var.key.clone(), given);
                        }
                    }
                }
                "sample" => settings.sample = sample(&entry.node),
                "stores" => {
                    for store in entry.node.entries().iter().filter(|store| is_store(&store.key)) {
                        let kept = settings.stores.entry(store.key.clone()).or_default();
                        for setting in store.node.entries() {
                            if let Some(text) = setting.node.text().filter(|_| !credential::is_credential(&setting.key))
                            {
                                kept.insert(setting.key.clone(), text.to_owned());
                                let name = (store.key.clone(), setting.key.clone());
                                settings.store_spans.insert(name, setting.key_span);
                            }
                        }
                    }
                }
                key => {
                    if let Some(scalar) = entry.node.scalar().filter(|scalar| is_well_formed(key, scalar)) {
                        let given = Given { scalar: scalar.clone(), span: Some(entry.node.span), origin: None };
                        set(&mut settings, key, &given, out);
                    }
                }
            }
        }
    }
    for (origin, key, value) in overrides {
        let given = Given { scalar: plain(value), span: None, origin: Some(origin.clone()) };
        lay_over(&mut settings, &mut vars, key, given, out);
    }
    check_whole(&settings, machine_memory, out);
    (settings, vars)
}

/// The sample; what is not well-formed is reported already.
fn sample(node: &Node) -> Option<SampleSettings> {
    let number = |key: &str| match node.get(key)?.scalar()?.kind {
        Kind::Int(value) => u64::try_from(value).ok(),
        _ => None,
    };
    matches!(node.value, Value::Map(_)).then(|| SampleSettings {
        customers: number("customers").unwrap_or(1_000),
        days: number("days").and_then(|days| u32::try_from(days).ok()).unwrap_or(90),
        seed: number("seed").unwrap_or(42),
    })
}

/// Whether a value has passed the check of its shape; the one that has not is reported already.
fn is_well_formed(key: &str, scalar: &Scalar) -> bool {
    key != "threads" || matches!(scalar.kind, Kind::Int(value) if value >= 0)
}

fn is_store(scheme: &str) -> bool {
    keys::STORES.keys.iter().any(|key| key.name == scheme)
}

/// A value that is not written in YAML, taken as YAML would take it.
fn plain(value: &str) -> Scalar {
    let kind = match value {
        "true" => Kind::Boolean(true),
        "false" => Kind::Boolean(false),
        _ => match (value.parse::<i64>(), value.parse::<f64>()) {
            (Ok(value), _) => Kind::Int(value),
            (_, Ok(number)) if value.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                Kind::Double(number)
            }
            _ => Kind::Text,
        },
    };
    Scalar { kind, text: value.to_owned() }
}

/// Lays one dotted key over the settings.
fn lay_over(
    settings: &mut Settings,
    vars: &mut BTreeMap<String, Given>,
    key: &str,
    given: Given,
    out: &mut Vec<Diagnostic>,
) {
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        ["vars", name] => {
            vars.insert((*name).to_owned(), given);
        }
        ["stores", scheme, name] if is_store(scheme) => {
            if credential::is_credential(name) {
                out.push(given.error("credential", &format!("`{key}` is a credential"), credential::HELP));
            } else {
                let (scheme, name) = ((*scheme).to_owned(), (*name).to_owned());
                settings.store_spans.remove(&(scheme.clone(), name.clone()));
                settings.stores.entry(scheme).or_default().insert(name, given.scalar.text);
            }
        }
        ["stores", ..] => {
            let help = "write `stores.SCHEME.KEY` with one of the schemes `s3`, `gs`, `az`, `http`";
            out.push(given.error("unknown-key", &format!("unknown setting `{key}`"), help));
        }
        [name] if !matches!(*name, "sample" | "vars") && keys::CONFIG.keys.iter().any(|key| key.name == *name) => {
            set(settings, name, &given, out);
        }
        _ => {
            // The value is not shown: what is not a setting may be a secret.
            let mut names: Vec<_> = keys::CONFIG.keys.iter().map(|key| key.name).collect();
            names.retain(|name| !matches!(*name, "sample" | "stores" | "vars"));
            names.extend(["stores.s3.…", "vars.…"]);
            out.push(given.error("unknown-key", &format!("unknown setting `{key}`"), meant(key, &names)));
        }
    }
}

/// Sets one setting that is a single value.
fn set(settings: &mut Settings, key: &str, given: &Given, out: &mut Vec<Diagnostic>) {
    let text = given.scalar.text.trim();
    let is = |what: &str| format!("`{key}` is `{}`, which is no {what}", shorten(text));
    let sizes = "write a number and a unit, such as `512MB`, `1GB` or `2GiB`";
    match key {
        "raw" | "output" | "state" => {
            if text.is_empty() {
                out.push(given.error("bad-value", &format!("`{key}` is empty"), "write a folder or a URL"));
                return;
            }
            if credential::in_url(text) {
                out.push(given.error(
                    credential::URL,
                    &format!("`{key}` has a credential in its URL"),
                    credential::HELP,
                ));
                return;
            }
            if let Some(scheme) = unknown_scheme(text) {
                let help = format!("{}; anything else is a local path", meant(scheme, SCHEMES));
                out.push(given.error("bad-value", &format!("`{key}` has the unknown scheme `{scheme}`"), help));
            }
            let target = match key {
                "raw" => &mut settings.raw,
                "output" => &mut settings.output,
                _ => &mut settings.state,
            };
            text.clone_into(target);
        }
        "time_zone" => match literal::time_zone(text) {
            Ok(zone) => settings.time_zone = zone,
            Err(help) => out.push(given.error("bad-value", &is("time zone"), help)),
        },
        "memory_limit" => match units::size(text) {
            Some(bytes) if bytes < LEAST_MEMORY => out.push(given.error(
                "bad-value",
                &format!("`memory_limit` is `{text}`, which is too little to work with"),
                "give it at least 128MB",
            )),
            Some(bytes) => settings.memory_limit = bytes,
            None => out.push(given.error("bad-value", &is("size"), sizes)),
        },
        "max_batch_bytes" => match units::size(text) {
            Some(bytes) if bytes > 0 => settings.max_batch_bytes = bytes,
            _ => out.push(given.error("bad-value", &is("size"), sizes)),
        },
        "threads" => match text.parse::<usize>() {
            Ok(threads) if threads > 0 => settings.threads = threads,
            _ => out.push(given.error(
                "bad-value",
                &is("number of threads"),
                "write a whole number from 1, or leave it out to use all cores",
            )),
        },
        _ => {}
    }
}

/// Schemes of URLs that locations may have.
pub(super) const SCHEMES: &[&str] = &["s3", "gs", "az", "http", "https", "memory"];

/// The scheme of a URL, if it is none that cxmill knows.
pub(super) fn unknown_scheme(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once("://")?;
    (!SCHEMES.contains(&scheme)).then_some(scheme)
}

/// A root without `.`, `..`, doubled and final slashes.
fn normal(root: &str) -> String {
    let (scheme, path) = root.split_once("://").map_or(("", root), |(scheme, path)| (scheme, path));
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let start = match scheme {
        "" if path.starts_with('/') => "/".to_owned(),
        "" => String::new(),
        scheme => format!("{scheme}://"),
    };
    format!("{start}{}", parts.join("/"))
}

/// Checks what no single setting shows.
fn check_whole(settings: &Settings, machine_memory: Option<u64>, out: &mut Vec<Diagnostic>) {
    let roots = [("raw", &settings.raw), ("output", &settings.output), ("state", &settings.state)];
    for (index, (first, root)) in roots.iter().enumerate() {
        for (second, other) in roots.iter().skip(index + 1) {
            let (root, other) = (normal(root), normal(other));
            if root == other {
                out.push(
                    Diagnostic::error("same-root", None, format!("`{first}` and `{second}` are both `{root}`"))
                        .with_help("give each a folder of its own"),
                );
            } else if root.starts_with(&format!("{other}/")) || other.starts_with(&format!("{root}/")) {
                out.push(
                    Diagnostic::error(
                        "same-root",
                        None,
                        format!("`{first}` ({root}) and `{second}` ({other}) lie in one another"),
                    )
                    .with_help("give each a folder of its own, so that none is taken for a part of another"),
                );
            }
        }
    }
    if let Some(memory) = machine_memory.filter(|memory| *memory < settings.memory_limit) {
        out.push(
            Diagnostic::warning(
                "memory-limit",
                None,
                format!(
                    "`memory_limit` is {} MB, but the machine has only {} MB",
                    settings.memory_limit / 1_000_000,
                    memory / 1_000_000
                ),
            )
            .with_help("set `memory_limit` below what the machine has"),
        );
    }
}
