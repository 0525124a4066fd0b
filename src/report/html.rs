//! `report.html` and the students' own pages: self-contained, made to be projected, printed and handed out.
//!
//! A page loads nothing and sends nothing: its content security policy allows its own style sheet and its own script, by
//! hash, and nothing else. There is no JSON in a script either: the script reads the table. So a hostile value can only be
//! in two contexts, element text and quoted attributes. Tera escapes both in every `.html` template, and a link must pass
//! [`crate::text::link`]. What unfolds below a row waits in a `noscript`, which a browser with JavaScript takes for text.
//! When somebody unfolds it, the script makes elements from this text, which is the same escaped markup.
//!
//! The live page of `watch` is the same page. It may also load itself again from its own address.
//!
//! The templates render the [`Document`]. `html/view.rs` and `html/view/student.rs` add what only a page needs: positions,
//! marks, and times in the reader's form. `html/page.html` lays out the class, `html/cause.html` one cause,
//! `html/need.html` one who needs somebody,
//! `html/student.html` one student with `html/parts.html`, `html/own.html` a student's own page;
//! `html/base.css`, `html/style.css` and a script go inline. Handouts share the first of these, and more.

mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tera::{Context, Tera, Value};

use crate::text::link::link;
use crate::text::show::markup;

use super::anonymous::{PseudonymKey, anonymous};
use super::document::{Document, ReportStudent};

const STYLE: &str = concat!(
    include_str!("html/base.css"),
    include_str!("html/style.css")
);
const SCRIPT: &str = concat!(include_str!("html/common.js"), include_str!("html/page.js"));
const OWN_SCRIPT: &str = concat!(include_str!("html/common.js"), include_str!("html/own.js"));
const TEMPLATES: [(&str, &str); 6] = [
    ("page.html", include_str!("html/page.html")),
    ("cause.html", include_str!("html/cause.html")),
    ("need.html", include_str!("html/need.html")),
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
    /// When a template does not parse, which no data can cause.
    pub fn new() -> Result<Self, tera::Error> {
        let mut tera = Tera::default();
        // This also cleans: nothing of the document is clean yet.
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
    /// When a template does not render, which no data can cause.
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

    /// The page that `watch` serves: it renews itself every `every_s` seconds. With a key it is the page for a projector.
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
        // The page for a projector, and a live one, stand alone.
        let with_pages = key.is_none() && live_s.is_none();
        let mut context = view::class_page(hidden.as_ref().unwrap_or(document), with_pages);
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
        context.insert("policy", &policy(STYLE, script, live));
        context.insert("version", env!("CARGO_PKG_VERSION"));
        self.tera.render(template, &context)
    }
}

/// The content security policy: this style sheet, this script, an empty icon, and nothing else. A live page may also ask
/// its own server.
pub(super) fn policy(style: &str, script: &str, live: bool) -> String {
    let hash = |text: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; {}base-uri 'none'; \
         form-action 'none'",
        hash(style),
        hash(script),
        if live { "connect-src 'self'; " } else { "" },
    )
}
