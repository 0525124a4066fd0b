//! `report.html` and the students' own pages: self-contained, made to be projected, printed and handed out.
//!
//! A page loads nothing and sends nothing: its content security policy allows exactly its own style sheet
//! and its own script, by hash, and nothing else. There is no JSON in a script either: the script reads what
//! it needs from the table. So a hostile value only ever stands in two contexts, element text and quoted
//! attributes, both escaped by Tera for every `.html` template; what becomes a link has passed `link`. What unfolds
//! below a row waits in a `noscript`, which a browser with JavaScript takes for text: the script makes elements of
//! it, out of the same escaped markup, when somebody unfolds it.
//!
//! The live page of `watch` is the same page, which may also ask the address it came from for itself.
//!
//! The templates render the [`Document`]. `html/view.rs` and `html/view/student.rs` add what a page alone needs: positions,
//! marks, moments as a reader wants them. `html/page.html` lays out the class, `html/cause.html` one cause,
//! `html/student.html` one student with `html/parts.html`, `html/own.html` a student's own page;
//! `html/base.css`, `html/style.css` and a script go inline. Handouts share the first of these, and more.

mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tera::{Context, Tera, Value};

use crate::text::show::{clean, markup};

use super::anonymous::{PseudonymKey, anonymous};
use super::document::{Document, ReportStudent};

const STYLE: &str = concat!(
    include_str!("html/base.css"),
    include_str!("html/style.css")
);
const SCRIPT: &str = concat!(include_str!("html/common.js"), include_str!("html/page.js"));
const OWN_SCRIPT: &str = concat!(include_str!("html/common.js"), include_str!("html/own.js"));
const TEMPLATES: [(&str, &str); 5] = [
    ("page.html", include_str!("html/page.html")),
    ("cause.html", include_str!("html/cause.html")),
    ("student.html", include_str!("html/student.html")),
    ("parts.html", include_str!("html/parts.html")),
    ("own.html", include_str!("html/own.html")),
];

/// The pages, with their templates compiled once.
pub struct Pages {
    tera: Tera,
}

impl Pages {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template does not parse, which no data can bring about.
    pub fn new() -> Result<Self, tera::Error> {
        let mut tera = Tera::default();
        // Cleans, too: nothing of the document is clean yet.
        tera.set_escape_fn(|text| markup(text, "&#39;"));
        tera.register_tester("link", |value: Option<&Value>, _: &[Value]| {
            Ok(value.and_then(Value::as_str).and_then(link).is_some())
        });
        tera.add_raw_templates(TEMPLATES)?;
        Ok(Self { tera })
    }

    /// The page of a class.
    ///
    /// # Errors
    /// When a template does not render, which no data can bring about; so for every page here.
    pub fn class(&self, document: &Document) -> Result<String, tera::Error> {
        self.page(document, None, None)
    }

    /// The page of a class for a projector: see [`mod@super::anonymous`].
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn anonymous(
        &self,
        document: &Document,
        key: &PseudonymKey,
    ) -> Result<String, tera::Error> {
        self.page(document, Some(key), None)
    }

    /// The page that `watch` serves: it renews itself. With a key it is the one for a projector.
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn live(
        &self,
        document: &Document,
        key: Option<&PseudonymKey>,
        every_s: u64,
    ) -> Result<String, tera::Error> {
        self.page(document, key, Some(every_s))
    }

    /// A student's own page: nothing on it is about anybody else.
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn student(
        &self,
        document: &Document,
        student: &ReportStudent,
    ) -> Result<String, tera::Error> {
        let context = view::own_page(document, student);
        self.render("own.html", context, OWN_SCRIPT, false)
    }

    fn page(
        &self,
        document: &Document,
        key: Option<&PseudonymKey>,
        live_s: Option<u64>,
    ) -> Result<String, tera::Error> {
        let hidden = key.map(|key| anonymous(document, key));
        let mut context = view::class_page(hidden.as_ref().unwrap_or(document));
        context.insert("anonymous", &key.is_some());
        context.insert("live", &live_s);
        self.render("page.html", context, SCRIPT, live_s.is_some())
    }

    fn render(
        &self,
        template: &str,
        mut context: Context,
        script: &str,
        live: bool,
    ) -> Result<String, tera::Error> {
        context.insert("style", STYLE);
        context.insert("script", script);
        context.insert("policy", &policy(script, live));
        context.insert("version", env!("CARGO_PKG_VERSION"));
        self.tera.render(template, &context)
    }
}

/// The content security policy: this style sheet, this script, an empty icon, and nothing else from anywhere;
/// a live page may ask where it came from.
fn policy(script: &str, live: bool) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; {}base-uri 'none'; \
         form-action 'none'",
        source_hash(STYLE),
        source_hash(script),
        if live { "connect-src 'self'; " } else { "" },
    )
}

pub(super) fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// A value as a link's target, if it is one that may be followed: `http` or `https`, and nothing in it that
/// has no place in a URL.
pub(super) fn link(value: &str) -> Option<&str> {
    let lower = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    let allowed = lower.starts_with("https://") || lower.starts_with("http://");
    let inert = !value.chars().any(|c| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '^' | '`')
    });
    (allowed && inert && clean(value) == value).then_some(value)
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
