//! Pages that cxmill writes.

/// The body of a page, which is well-formed XML.
///
/// # Panics
/// Where it has none.
#[must_use]
pub fn body(page: &str) -> &str {
    let start = page.find("<body>").expect("a body");
    let end = page.rfind("</body>").expect("its end") + "</body>".len();
    page.get(start..end).expect("a body")
}
