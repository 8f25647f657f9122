//! What a file may hold: tables of keys with their types and meanings.
//!
//! One table drives the reader's checks, the JSON schema and the reference, so that they cannot disagree. [`check`] finds
//! every departure from the table; what reads the tree afterwards may rely on it and reports only what tables cannot say.

use crate::diagnostic::Diagnostic;
use crate::names::{nearest, quoted};
use crate::text::Texts;
use crate::yaml::{Kind, Node, Value};

/// The type of a value.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text; a number or a boolean is taken as it is written.
    Text,
    /// Text, a number or a boolean that means something by its kind.
    Scalar,
    /// True or false.
    Boolean,
    /// A whole number from 0.
    Whole,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text of a notation, such as a duration: what it is, and a regular expression for editors.
    Notation(&'static str, &'static str),
    /// Two ends of a range; `null` leaves an end open.
    Range,
    /// A list.
    List(&'static Shape),
    /// A map from free names.
    Map(&'static Shape),
    /// A map of known keys.
    Object(&'static Object),
    /// Any value: a cell of a row.
    Any,
    /// A short form or a long one: told apart by being a scalar, a list or a map.
    Either(&'static [Shape]),
}

/// A map of known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// What such a map is, as in "a column".
    pub(crate) what: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// A known key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// The type of its value.
    pub(crate) shape: Shape,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What it means.
    pub(crate) doc: &'static str,
}

impl Key {
    /// A key that may be left out.
    pub(crate) const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: false, doc }
    }

    /// A key that must be there.
    pub(crate) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: true, doc }
    }
}

impl Shape {
    /// What a value should be, for messages.
    fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Scalar => "text, a number or a boolean".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Word(words) => format!("one of {}", quoted(words)),
            Self::Notation(what, _) => (*what).to_owned(),
            Self::Range => "a range such as `[0, 10]`".to_owned(),
            Self::List(item) => match item {
                Self::Text => "a list of names".to_owned(),
                _ => "a list".to_owned(),
            },
            Self::Map(_) => "a map".to_owned(),
            Self::Object(object) => format!("a map that describes {}", object.what),
            Self::Any => "a value".to_owned(),
            Self::Either(shapes) => shapes.iter().map(Self::expected).collect::<Vec<_>>().join(" or "),
        }
    }

    /// Whether a value has the outer form of this shape.
    fn fits(&self, node: &Node) -> bool {
        match self {
            Self::Text | Self::Scalar | Self::Boolean | Self::Whole | Self::Word(_) | Self::Notation(..) => {
                node.scalar().is_some()
            }
            Self::Range | Self::List(_) => matches!(node.value, Value::List(_)),
            Self::Map(_) | Self::Object(_) => matches!(node.value, Value::Map(_)),
            Self::Any => true,
            Self::Either(shapes) => shapes.iter().any(|shape| shape.fits(node)),
        }
    }
}

/// Reports every departure of a value from a shape. `name` is what the value belongs to, for messages.
pub(crate) fn check(node: &Node, shape: &Shape, name: &str, texts: &Texts, out: &mut Vec<Diagnostic>) {
    if !shape.fits(node) {
        let what = if node.is_null() { "has no value".to_owned() } else { format!("is {}", node.what()) };
        out.push(
            Diagnostic::error("wrong-type", node.span, format!("`{name}` {what}"))
                .with_help(format!("write {}", shape.expected())),
        );
        return;
    }
    match shape {
        Shape::Text | Shape::Scalar | Shape::Notation(..) | Shape::Any => {}
        Shape::Boolean => {
            if node.boolean().is_none() {
                out.push(
                    Diagnostic::error("wrong-type", node.span, format!("`{name}` is {}", node.what()))
                        .with_help("write true or false"),
                );
            }
        }
        Shape::Whole => {
            if !node.scalar().is_some_and(|scalar| matches!(scalar.kind, Kind::Int(value) if value >= 0)) {
                out.push(
                    Diagnostic::error("wrong-type", node.span, format!("`{name}` is {}", node.what()))
                        .with_help("write a whole number that is not negative"),
                );
            }
        }
        Shape::Word(words) => {
            let text = node.text().unwrap_or_default();
            if !words.contains(&text) {
                out.push(unknown_word(node, name, text, words));
            }
        }
        Shape::Range => check_range(node, name, out),
        Shape::List(item) => {
            for node in node.items() {
                check(node, item, name, texts, out);
            }
        }
        Shape::Map(value) => {
            check_repeated(node, texts, out);
            for entry in node.entries() {
                check(&entry.node, value, &entry.key, texts, out);
            }
        }
        Shape::Object(object) => check_object(node, object, name, texts, out),
        Shape::Either(shapes) => {
            if let Some(shape) = shapes.iter().find(|shape| shape.fits(node)) {
                check(node, shape, name, texts, out);
            }
        }
    }
}

fn unknown_word(node: &Node, name: &str, text: &str, words: &[&str]) -> Diagnostic {
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`? it is one of {}", quoted(words)),
        None => format!("it is one of {}", quoted(words)),
    };
    Diagnostic::error("unknown-value", node.span, format!("`{name}` cannot be {}", node.what())).with_help(help)
}

fn check_range(node: &Node, name: &str, out: &mut Vec<Diagnostic>) {
    let items = node.items();
    if items.len() != 2 {
        out.push(
            Diagnostic::error("wrong-type", node.span, format!("`{name}` has {} ends", items.len()))
                .with_help("write two, as in `[0, 10]`; `null` leaves an end open"),
        );
    }
    for item in items.iter().filter(|item| !item.is_null() && item.scalar().is_none()) {
        out.push(
            Diagnostic::error("wrong-type", item.span, format!("an end of `{name}` is {}", item.what()))
                .with_help("write a single value or null"),
        );
    }
}

fn check_object(node: &Node, object: &Object, name: &str, texts: &Texts, out: &mut Vec<Diagnostic>) {
    check_repeated(node, texts, out);
    for entry in node.entries() {
        if let Some(key) = object.keys.iter().find(|key| key.name == entry.key) {
            // An empty map of names is what is left when the last name is taken out; an open end is written as null.
            let may_be_null = !key.required && matches!(key.shape, Shape::Map(_) | Shape::Scalar);
            if !(entry.node.is_null() && may_be_null) {
                check(&entry.node, &key.shape, key.name, texts, out);
            }
        } else {
            out.push(unknown_key(entry.key_span, &entry.key, object));
        }
    }
    for key in object.keys.iter().filter(|key| key.required && node.entry(key.name).is_none()) {
        if is_misspelt(node, object, key.name) {
            continue;
        }
        out.push(
            Diagnostic::error("missing-key", head(node), format!("`{name}` has no `{}`", key.name))
                .with_help(format!("{}: {}", key.name, key.doc)),
        );
    }
}

/// Whether a key that a map lacks is probably there with a mistake in it, which is reported on its own.
pub(crate) fn is_misspelt(node: &Node, object: &Object, key: &str) -> bool {
    let known = || object.keys.iter().map(|key| key.name);
    node.entries()
        .iter()
        .filter(|entry| !known().any(|name| name == entry.key))
        .any(|entry| nearest(&entry.key, known()) == Some(key))
}

/// The first key of a map: a place that fits on one line.
fn head(node: &Node) -> crate::text::Span {
    node.entries().first().map_or(node.span, |entry| entry.key_span)
}

fn unknown_key(span: crate::text::Span, key: &str, object: &Object) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-key", span, format!("unknown key `{key}` of {}", object.what));
    if key == "<<" {
        return diagnostic.with_help("merge keys are not supported: write the keys out");
    }
    if key.ends_with(')') {
        return diagnostic
            .with_help("a comma ends a value within `{…}`: put quotes around it, as in `'decimal(18, 2)'`");
    }
    let names: Vec<_> = object.keys.iter().map(|key| key.name).collect();
    match nearest(key, names.iter().copied()) {
        Some(name) => diagnostic.with_help(format!("did you mean `{name}`? known keys: {}", quoted(&names))),
        None => diagnostic.with_help(format!("known keys: {}", quoted(&names))),
    }
}

fn check_repeated(node: &Node, texts: &Texts, out: &mut Vec<Diagnostic>) {
    let entries = node.entries();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(first) = entries.iter().take(index).find(|first| first.key == entry.key) {
            out.push(
                Diagnostic::error("duplicate-key", entry.key_span, format!("key `{}` is written twice", entry.key))
                    .with_help(format!("the first one is at {}", texts.place(first.key_span))),
            );
        }
    }
}
