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
//! `html/view.rs` has everything that the templates show, as finished words; `html/page.html` lays out the
//! class, `html/cause.html` one cause, `html/student.html` one student with
//! `html/parts.html`, `html/own.html` a student's own page;
//! `html/base.css`, `html/style.css` and a script go inline. Handouts share the first of these, and more.

mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tera::{Context, Tera};

use super::anonymous::{Key, anonymous};
use super::class::{ClassReport, ReportStudent};
use crate::text::shown::clean;

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

/// Whom a page of the class is for.
#[derive(Debug, Clone, Copy, Default)]
struct Audience {
    /// Whether it tells nobody's name.
    anonymous: bool,
    /// How often it is read again while it is open, in seconds.
    live_s: Option<u64>,
}

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
        tera.set_escape_fn(escape);
        tera.add_raw_templates(TEMPLATES)?;
        Ok(Self { tera })
    }

    /// The page of a class.
    ///
    /// # Errors
    /// When a template does not render, which no data can bring about; so for every page here.
    pub fn class(&self, report: &ClassReport) -> Result<String, tera::Error> {
        self.page(report, Audience::default())
    }

    /// The page of a class for a projector: see [`mod@super::anonymous`].
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn anonymous(&self, report: &ClassReport, key: &Key) -> Result<String, tera::Error> {
        let audience = Audience {
            anonymous: true,
            ..Audience::default()
        };
        self.page(&anonymous(report, key), audience)
    }

    /// The page that `watch` serves: it renews itself. With a key it is the one for a projector.
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn live(
        &self,
        report: &ClassReport,
        key: Option<&Key>,
        every_s: u64,
    ) -> Result<String, tera::Error> {
        let audience = Audience {
            anonymous: key.is_some(),
            live_s: Some(every_s),
        };
        match key {
            Some(key) => self.page(&anonymous(report, key), audience),
            None => self.page(report, audience),
        }
    }

    /// A student's own page: nothing on it is about anybody else.
    ///
    /// # Errors
    /// See [`Pages::class`].
    pub fn student(
        &self,
        report: &ClassReport,
        student: &ReportStudent,
    ) -> Result<String, tera::Error> {
        let mut context = Context::new();
        context.insert(
            "s",
            &view::Row::of(student, &[], &report.taken_at, view::Reader::Student),
        );
        context.insert("page", &view::Own::of(report, student));
        context.insert("own", &true);
        self.render("own.html", context, OWN_SCRIPT, false)
    }

    fn page(&self, report: &ClassReport, audience: Audience) -> Result<String, tera::Error> {
        let mut context = Context::new();
        context.insert("page", &view::Page::of(report, audience));
        context.insert("own", &false);
        self.render("page.html", context, SCRIPT, audience.live_s.is_some())
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

/// A value for element text and quoted attributes. Tera's own also escapes `/`, of which a page of five hundred
/// students has a hundred thousand, and which ends nothing in either.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
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
