//! Credentials do not belong in files: they are refused, and no message may show them.

use crate::diagnostic::Diagnostic;
use crate::text::{FileId, Span, Texts};
use crate::yaml::Node;

const SIGNS: &[&str] = &["secret", "password", "passwd", "token", "credential", "key", "sas", "signature"];

/// Settings that contain such a word and are no credential.
const HARMLESS: &[&str] = &["sse_kms_key_id", "sse_bucket_key_enabled", "skip_signature", "disable_tagging"];

/// Code of a refused URL, whose diagnostic points at the URL itself.
pub(super) const URL: &str = "credential-in-url";

/// What to do instead.
pub(super) const HELP: &str = "credentials come from the environment only; take it out of the settings";

/// Whether a setting of a store is a credential, by its name.
pub(super) fn is_credential(key: &str) -> bool {
    let key = key.to_lowercase();
    !HARMLESS.iter().any(|harmless| key.ends_with(harmless)) && SIGNS.iter().any(|sign| key.contains(sign))
}

/// Whether a URL carries a credential: a user before the host, or a signature or token in its query.
pub(super) fn in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    authority.contains('@')
        || query.split('&').filter_map(|pair| pair.split_once('=')).any(|(key, _)| key == "sig" || is_credential(key))
}

/// Reports every credential among the settings of stores and blanks out its value.
pub(super) fn refuse(layers: &[Node], texts: &mut Texts, out: &mut Vec<Diagnostic>) {
    for layer in layers {
        let stores = layer.entries().iter().filter(|entry| entry.key == "stores").map(|entry| &entry.node);
        for store in stores.flat_map(Node::entries) {
            for entry in store.node.entries().iter().filter(|entry| is_credential(&entry.key)) {
                texts.redact(entry.node.span);
                out.push(
                    Diagnostic::error(
                        "credential",
                        entry.key_span,
                        format!("`{}` is a credential in a file", entry.key),
                    )
                    .with_help(HELP),
                );
            }
        }
    }
}

/// Blanks out the values that were refused as credentials. (A key that was refused is not secret.)
pub(super) fn redact_found(found: &[Diagnostic], texts: &mut Texts) {
    for span in found.iter().filter(|diagnostic| diagnostic.code == URL).filter_map(|diagnostic| diagnostic.span) {
        texts.redact(span);
    }
}

/// Blanks out what looks like a credential in a file that is not valid YAML.
pub(super) fn redact_text(file: FileId, texts: &mut Texts) {
    let Some(text) = texts.get(file) else { return };
    let content = std::sync::Arc::clone(&text.content);
    let mut start = 0;
    for line in content.split_inclusive('\n') {
        let secret = line.match_indices(':').find(|(colon, _)| {
            let key = line.get(..*colon).and_then(|before| before.rsplit(['{', ',', ' ', ':']).next());
            key.is_some_and(is_credential)
        });
        if let Some((colon, _)) = secret {
            let end = start + line.trim_end().len();
            texts.redact(Span { file, start: (start + colon + 1).min(end), end });
        }
        start += line.len();
    }
}
