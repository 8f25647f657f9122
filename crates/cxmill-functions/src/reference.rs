//! The function reference as one Markdown page, from the words of each function.

use std::fmt::Write;

use crate::function_docs;

/// The reference page of all functions, in Markdown.
#[must_use]
pub fn function_reference() -> String {
    let docs = function_docs();
    let mut page = String::from(
        "# SQL functions\n\n\
         Besides these, every function of DataFusion can be used. The page is what `cxmill functions --markdown` prints; a test \
         runs each example. An aggregate function may also be used with `OVER (…)`; a window function only so.\n\n\
         | function | kind | what it gives |\n|---|---|---|\n",
    );
    for doc in &docs {
        let first = doc.description.split_once(". ").map_or(doc.description.as_str(), |(first, _)| first);
        let name = &doc.name;
        line(&mut page, &format!("| [`{name}`](#{name}) | {} | {} |", doc.kind, cell(first.trim_end_matches('.'))));
    }
    for doc in &docs {
        line(&mut page, &format!("\n## {}\n\n```text\n{}\n```\n\n{}\n", doc.name, doc.signature, doc.description));
        line(&mut page, "| argument | what it may be |\n|---|---|");
        for (argument, meaning) in &doc.arguments {
            line(&mut page, &format!("| `{argument}` | {} |", cell(meaning)));
        }
        line(&mut page, &format!("\nErrors: {}\n\n```sql\n{}\n```\n\nSource: {}", doc.errors, doc.example, doc.source));
    }
    page
}

fn line(page: &mut String, text: &str) {
    // Writing to a string does not fail.
    writeln!(page, "{text}").unwrap_or_default();
}

/// Text inside a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
