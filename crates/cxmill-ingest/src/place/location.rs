//! The path part of a location: where its wildcards begin, and how it is shown.

use std::path::{Component, Path as FilePath};

use object_store::path::Path;

/// How wildcards match: `*` and `?` stay within one part of a path, `**` crosses parts.
pub(crate) const MATCHING: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// Splits a path (without leading `/`) into its longest prefix without a wildcard and, if there is one, the pattern.
pub(super) fn split(path: &str) -> Result<(Path, Option<glob::Pattern>), String> {
    let path = path.trim_start_matches('/');
    let parse = |path: &str| Path::parse(path.trim_end_matches('/')).map_err(|error| error.to_string());
    if path.split('/').any(is_braces) {
        return Err("alternatives in braces are not supported; use '*' or '?', or declare two sources".to_owned());
    }
    let Some(wildcard) = path.find(['*', '?', '[']) else { return Ok((parse(path)?, None)) };
    let folder = path.get(..wildcard).and_then(|before| before.rfind('/')).unwrap_or(0);
    // A pattern that ends in `/` means all files below the folders it matches.
    let whole = if path.ends_with('/') { format!("{path}**") } else { path.to_owned() };
    let pattern = glob::Pattern::new(&whole).map_err(|error| format!("bad pattern: {error}"))?;
    Ok((parse(path.get(..folder).unwrap_or_default())?, Some(pattern)))
}

fn is_braces(part: &str) -> bool {
    part.split_once('{').is_some_and(|(_, rest)| rest.split_once('}').is_some_and(|(inner, _)| inner.contains(',')))
}

/// A local path as parts joined by `/`, without a leading one; `..` is taken back where a part stands before it.
pub(super) fn normal(path: &FilePath) -> Result<String, String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or("the path is not UTF-8")?),
            Component::ParentDir => {
                parts.pop().ok_or("the path leaves its root")?;
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let folder = path.to_str().is_some_and(|path| path.ends_with('/'));
    Ok(format!("{}{}", parts.join("/"), if folder && !parts.is_empty() { "/" } else { "" }))
}

/// A location without user name and password, should somebody write them into it.
pub(super) fn without_secrets(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else { return location.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => location.to_owned(),
    }
}
