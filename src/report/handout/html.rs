//! Handouts as pages. The run of Markdown is pulldown-cmark's to write, with its escaping; `block.html` has our own
//! blocks, `sheet.html` what stands around them, both with Tera's.

use pulldown_cmark::html::push_html;
use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};
use serde::Serialize;
use tera::{Context, Tera};

use super::super::html::source_hash;
use super::sheet::Sheet;
use super::{HandoutClass, StudentHandout};
use crate::lab::content::{Element, HandoutBlock};

const STYLE: &str = concat!(include_str!("../html/base.css"), include_str!("style.css"));
const SCRIPT: &str = concat!(include_str!("../html/common.js"), include_str!("script.js"));
const TEMPLATES: [(&str, &str); 3] = [
    ("page.html", include_str!("page.html")),
    ("sheet.html", include_str!("sheet.html")),
    ("block.html", include_str!("block.html")),
];

/// The handouts' templates, compiled once.
pub struct HandoutPages {
    tera: Tera,
}

/// One student's sheet of a page.
#[derive(Serialize)]
struct HtmlSheet {
    #[serde(flatten)]
    sheet: Sheet,
    /// Whether there are commands for two shells to choose between.
    shells: bool,
    /// Sections, written and escaped.
    body: String,
}

impl HandoutPages {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template does not parse, which no data can bring about.
    pub fn new() -> Result<Self, tera::Error> {
        let mut tera = Tera::default();
        tera.add_raw_templates(TEMPLATES)?;
        Ok(Self { tera })
    }

    /// One student's page.
    ///
    /// # Errors
    /// When a template does not render, which no data can bring about.
    pub fn html(
        &self,
        class: &HandoutClass<'_>,
        one: &StudentHandout<'_>,
    ) -> Result<String, tera::Error> {
        self.page(&[self.sheet(class, one, "")?])
    }

    /// One page with every student's, each on paper of its own.
    ///
    /// # Errors
    /// See [`HandoutPages::html`].
    pub(crate) fn together(
        &self,
        class: &HandoutClass<'_>,
        all: &[StudentHandout<'_>],
    ) -> Result<String, tera::Error> {
        let sheets = all.iter().map(|one| {
            // Ids need their owner's name where others have the same.
            self.sheet(class, one, &format!("{}-", one.student.username))
        });
        self.page(&sheets.collect::<Result<Vec<_>, _>>()?)
    }

    fn page(&self, sheets: &[HtmlSheet]) -> Result<String, tera::Error> {
        let mut context = Context::new();
        context.insert("sheets", sheets);
        context.insert("style", STYLE);
        context.insert("script", SCRIPT);
        context.insert("version", env!("CARGO_PKG_VERSION"));
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
            source_hash(STYLE),
            source_hash(SCRIPT)
        );
        context.insert("policy", &policy);
        self.tera.render("page.html", &context)
    }

    fn sheet(
        &self,
        class: &HandoutClass<'_>,
        one: &StudentHandout<'_>,
        prefix: &str,
    ) -> Result<HtmlSheet, tera::Error> {
        let differ = |element: &Element| match element {
            Element::Block(HandoutBlock::Commands {
                bash, powershell, ..
            }) => bash != powershell,
            _ => false,
        };
        Ok(HtmlSheet {
            sheet: Sheet::of(class, one),
            shells: one.handout.elements.iter().any(differ),
            body: self.body(class, &one.handout.elements, prefix)?,
        })
    }

    /// Sections of events that the library writes. What it has no event for is markup of ours, without a value in it.
    fn body(
        &self,
        class: &HandoutClass<'_>,
        elements: &[Element],
        prefix: &str,
    ) -> Result<String, tera::Error> {
        let markup = |html: &'static str| Event::InlineHtml(html.into());
        let mut events = Vec::with_capacity(elements.len() + 16);
        let mut points = None;
        let mut in_head = false;
        for element in elements {
            let begins_chapter = matches!(
                element,
                Element::Markdown(Event::Start(Tag::Heading { level, .. })) if *level == HeadingLevel::H2
            );
            match (begins_chapter, events.is_empty()) {
                (true, true) => events.push(markup("<section>\n")),
                (true, false) => events.push(markup("</section>\n<section>\n")),
                (false, true) => events.push(markup("<section class=\"intro\">\n")),
                (false, false) => {}
            }
            let event = match element {
                Element::Markdown(event) => event,
                Element::Block(block) => {
                    let html = self.block(class, elements, block, prefix)?;
                    events.push(Event::InlineHtml(html.into()));
                    continue;
                }
            };
            let written = match event {
                Event::Start(Tag::Heading { level, id, .. }) => {
                    if begins_chapter {
                        points = class.points_of(id.as_deref());
                    }
                    Event::Start(Tag::Heading {
                        level: *level,
                        id: id.as_ref().map(|id| format!("{prefix}{id}").into()),
                        classes: Vec::new(),
                        attrs: Vec::new(),
                    })
                }
                Event::End(TagEnd::Heading(_)) => {
                    if let Some(points) = points.take() {
                        let badge = [markup(" <small>"), Event::Text(points.into())];
                        events.extend(badge);
                        events.push(markup("</small>"));
                    }
                    event.clone()
                }
                Event::Start(Tag::Link { .. }) => Event::InlineHtml(new_tab(event).into()),
                Event::Start(Tag::BlockQuote(_)) => markup("<div class=\"note\">"),
                Event::End(TagEnd::BlockQuote(_)) => markup("</div>\n"),
                Event::Start(Tag::TableHead) | Event::End(TagEnd::TableHead) => {
                    in_head = !in_head;
                    event.clone()
                }
                Event::Start(Tag::TableCell) if in_head => markup("<th scope=\"col\">"),
                event => event.clone(),
            };
            events.push(written);
        }
        if !events.is_empty() {
            events.push(markup("</section>\n"));
        }
        let mut html = String::new();
        push_html(&mut html, events.into_iter());
        Ok(html)
    }

    fn block(
        &self,
        class: &HandoutClass<'_>,
        elements: &[Element],
        block: &HandoutBlock,
        prefix: &str,
    ) -> Result<String, tera::Error> {
        let mut context = Context::from_serialize(block)?;
        if let HandoutBlock::Checks { .. } = block {
            let (tasks, total) = class.tasks();
            let ids = elements.iter().filter_map(|element| match element {
                Element::Markdown(Event::Start(Tag::Heading { id, .. })) => id.as_deref(),
                _ => None,
            });
            context.insert("done_here", &ids.collect::<Vec<_>>());
            context.insert("tasks", &tasks);
            context.insert("total", &total);
            context.insert("prefix", prefix);
        }
        self.tera.render("block.html", &context)
    }
}

/// A link's begin as the library writes it, which opens beside the page.
fn new_tab(link: &Event<'_>) -> String {
    let mut tag = String::new();
    push_html(&mut tag, std::iter::once(link.clone()));
    tag.replacen(
        "<a ",
        "<a rel=\"noopener noreferrer\" target=\"_blank\" ",
        1,
    )
}
