//! Handouts as pages. pulldown-cmark writes and escapes the Markdown. `block.html` has homeroom's own blocks, `sheet.html`
//! what is around them; Tera escapes both.

use pulldown_cmark::html::push_html;
use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};
use serde::Serialize;
use tera::{Context, Tera};

use super::super::html::policy;
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

#[derive(Serialize)]
struct HtmlSheet {
    #[serde(flatten)]
    sheet: Sheet,
    /// Whether the reader can choose between commands for two shells.
    shells: bool,
    /// The sections as HTML, escaped.
    body: String,
}

impl HandoutPages {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template does not parse, which no data can cause.
    pub fn new() -> Result<Self, tera::Error> {
        let mut tera = Tera::default();
        tera.add_raw_templates(TEMPLATES)?;
        Ok(Self { tera })
    }

    /// One student's page.
    ///
    /// # Errors
    /// When a template does not render, which no data can cause.
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
            // Every sheet has the same ids, so they get the student's name.
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
        context.insert("policy", &policy(STYLE, SCRIPT, false));
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

    /// The sections, as events that the library writes. Where it has no event, homeroom adds its own markup, which has no
    /// value in it.
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
                        let points = Event::Text(points.into());
                        events.extend([markup(" <small>"), points, markup("</small>")]);
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

/// The start tag of a link, as the library writes it, but opening in a new tab.
fn new_tab(link: &Event<'_>) -> String {
    let mut tag = String::new();
    push_html(&mut tag, std::iter::once(link.clone()));
    let new_tab = "<a rel=\"noopener noreferrer\" target=\"_blank\" ";
    tag.replacen("<a ", new_tab, 1)
}
