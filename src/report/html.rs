//! `report.html`: one self-contained page, made to be projected in a classroom.
//!
//! The page loads nothing and sends nothing: its content security policy allows exactly its own style sheet
//! and its own script, by hash, and nothing else. There is no JSON in a script either: the script reads what
//! it needs from the table. So a hostile value only ever stands in two contexts, element text and quoted
//! attributes, both escaped by Tera for every `.html` template; what becomes a link has passed `link`.
//!
//! `html/view.rs` has everything that the templates show, as finished words; `html/page.html` lays out the
//! class, `html/cause.html` one cause, `html/student.html` one student; `html/style.css` and `html/page.js` go
//! inline.

mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tera::{Context, Tera};

use super::class::ClassReport;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");
const TEMPLATES: [(&str, &str); 3] = [
    ("page.html", include_str!("html/page.html")),
    ("cause.html", include_str!("html/cause.html")),
    ("student.html", include_str!("html/student.html")),
];

/// The page of a class.
///
/// # Errors
/// When a template does not render, which no data can bring about.
pub fn page(report: &ClassReport) -> Result<String, tera::Error> {
    let mut tera = Tera::default();
    tera.add_raw_templates(TEMPLATES)?;
    let mut context = Context::new();
    context.insert("page", &view::Page::of(report));
    context.insert("style", STYLE);
    context.insert("script", SCRIPT);
    context.insert("policy", &policy());
    context.insert("version", env!("CARGO_PKG_VERSION"));
    tera.render("page.html", &context)
}

/// The content security policy: this style sheet, this script, an empty icon, and nothing else from anywhere.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        source_hash(STYLE),
        source_hash(SCRIPT)
    )
}

fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// A value as a link's target, if it is one that may be followed: `http` or `https`, and nothing in it that
/// has no place in a URL.
fn link(value: &str) -> Option<&str> {
    let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    let allowed = lower.starts_with("https://") || lower.starts_with("http://");
    let inert = !value.chars().any(|c| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '^' | '`')
    });
    (allowed && inert).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_become_links() {
        assert!(link("https://abc.execute-api.us-east-1.amazonaws.com/prod/process").is_some());
        assert!(link("HTTP://127.0.0.1:4566/x").is_some());
        for hostile in [
            "javascript:alert(1)",
            "data:text/html,x",
            " https://x",
            "https://x\" onclick=\"y",
            "https://x\ny",
            "//x",
            "user1-process-data",
            "é",
        ] {
            assert!(link(hostile).is_none(), "{hostile:?}");
        }
    }
}
