//! From a Markdown file to the elements of a handout, with every problem and its line.

use pulldown_cmark::{
    Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, OffsetIter, Options, Tag, TagEnd,
};

use super::content::{Element, FlowStep};
use super::shell::{CommandPart, Shell, command_parts};
use super::{Condition, Directive, RouteRef, is_template, key};
use crate::lab::model::{Manifest, line_of};
use crate::lab::problems::known;
use crate::lab::template::Templates;
use crate::stack::kinds::api::answering;

/// The words behind a fence, for a hint.
const FENCES: &str = "text, bash, powershell, shell, input, request, flow, checks";

/// What is wrong with an image or HTML within a text.
const INLINE: &str = "images and HTML are not supported; use plain Markdown, and write what stands in < > between backticks";

pub(super) struct HandoutParser<'a> {
    source: &'a str,
    manifest: &'a Manifest,
    templates: &'a mut Templates,
    elements: Vec<Element<Directive>>,
    /// Where in the source the current event begins.
    at: usize,
    /// Text that may go on, and where it begins.
    text: Option<(usize, String)>,
    /// Quotations, lists and their items that are open.
    depth: usize,
    /// Line and problem.
    problems: Vec<(usize, String)>,
}

/// Elements, and problems with their lines.
pub(super) type Parsed = (Vec<Element<Directive>>, Vec<(usize, String)>);

impl<'a> HandoutParser<'a> {
    pub(crate) fn parse(
        source: &'a str,
        manifest: &'a Manifest,
        templates: &'a mut Templates,
    ) -> Parsed {
        let mut parser = Self {
            source,
            manifest,
            templates,
            elements: Vec::new(),
            at: 0,
            text: None,
            depth: 0,
            problems: Vec::new(),
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
        let mut events = pulldown_cmark::Parser::new_ext(source, options).into_offset_iter();
        while let Some((event, range)) = events.next() {
            parser.event(event, range.start, &mut events);
        }
        (parser.elements, parser.problems)
    }

    fn event(&mut self, event: Event<'a>, at: usize, events: &mut OffsetIter<'a>) {
        // Text goes on over the end of a line, so that a condition may, too.
        let text = match &event {
            Event::Text(text) => Some(&**text),
            Event::SoftBreak | Event::HardBreak => Some(" "),
            _ => None,
        };
        if let Some(text) = text {
            let (_, so_far) = self.text.get_or_insert_with(|| (at, String::new()));
            so_far.push_str(text);
            return;
        }
        self.end_text();
        self.at = at;
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let body = body(events);
                match kind {
                    CodeBlockKind::Fenced(info) => {
                        if let Some(block) = self.fence(&info, &body) {
                            self.push_block(block);
                        }
                    }
                    CodeBlockKind::Indented => {
                        self.say("text that begins with four spaces; put code between ``` fences");
                    }
                }
            }
            Event::Start(tag) => match self.supported(tag) {
                Some(tag) => {
                    self.depth += usize::from(holds_blocks(&tag.to_end()));
                    self.push(Event::Start(tag));
                }
                None => {
                    body(events);
                }
            },
            Event::End(TagEnd::Paragraph)
                if matches!(
                    self.elements.last(),
                    Some(Element::Markdown(Event::Start(Tag::Paragraph)))
                ) =>
            {
                // There was nothing but a condition in it.
                self.elements.pop();
            }
            Event::End(end) => {
                self.depth -= usize::from(holds_blocks(&end));
                self.push(Event::End(match end {
                    TagEnd::Heading(level) => TagEnd::Heading(self.level(level)),
                    TagEnd::BlockQuote(_) => TagEnd::BlockQuote(None),
                    end => end,
                }));
            }
            Event::Code(text) => {
                self.compile(&text);
                self.push(Event::Code(text));
            }
            Event::InlineHtml(_) => self.say(INLINE),
            _ => self.say("rules and HTML are not supported; use plain Markdown"),
        }
    }

    /// A tag without the attributes that handouts do not use; `None` for a tag that they do not have.
    fn supported(&mut self, tag: Tag<'a>) -> Option<Tag<'static>> {
        match tag {
            Tag::Heading { level, id, .. } => {
                if let Some(check) = &id {
                    let checks = &self.manifest.checks;
                    if !checks.iter().any(|c| c.id == **check) {
                        let ids = known("check", checks.iter().map(|c| c.id.as_str()));
                        self.say(format!("{{#{check}}} names no [[check]]; {ids}"));
                    }
                }
                Some(Tag::Heading {
                    level: self.level(level),
                    id: id.map(pulldown_cmark::CowStr::into_static),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                })
            }
            Tag::Link { dest_url, .. } => {
                let begins = ["https://", "http://", "{{"];
                if !begins.iter().any(|begin| dest_url.starts_with(begin)) {
                    self.say(format!(
                        "a link leads to {:?}; it must begin with https:// or with a value that does",
                        &*dest_url
                    ));
                }
                self.compile(&dest_url);
                Some(inline_link(dest_url.into_string()))
            }
            Tag::BlockQuote(_) => Some(Tag::BlockQuote(None)),
            Tag::Table(columns) => Some(Tag::Table(vec![Alignment::None; columns.len()])),
            Tag::Paragraph
            | Tag::List(_)
            | Tag::Item
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Strong
            | Tag::Emphasis => Some(tag.into_static()),
            Tag::Image { .. } => {
                self.say(INLINE);
                None
            }
            _ => {
                self.say("HTML is not supported; use plain Markdown");
                None
            }
        }
    }

    /// The level of a heading here: one within a quotation or a list begins no chapter.
    fn level(&self, level: HeadingLevel) -> HeadingLevel {
        match self.depth == 0 && level <= HeadingLevel::H2 {
            true => HeadingLevel::H2,
            false => HeadingLevel::H3,
        }
    }

    fn say(&mut self, problem: impl Into<String>) {
        let line = line_of(self.source, self.at);
        self.problems.push((line, problem.into()));
    }

    fn push(&mut self, event: Event<'a>) {
        self.elements.push(Element::Markdown(event.into_static()));
    }

    fn push_block(&mut self, block: Directive) {
        // Bash, then PowerShell: two ways to say the same.
        if let Some(Element::Block(Directive::Commands { bash, powershell })) =
            self.elements.last_mut()
            && let Directive::Commands {
                bash: none,
                powershell: other,
            } = &block
            && !bash.is_empty()
            && powershell.is_empty()
            && none.is_empty()
        {
            powershell.clone_from(other);
            return;
        }
        self.elements.push(Element::Block(block));
    }

    /// A text that is filled in by itself.
    fn compile(&mut self, text: &str) {
        if is_template(text) {
            for problem in self.templates.add_text(&key(text), text) {
                self.say(problem);
            }
        }
    }

    fn end_text(&mut self) {
        let Some((at, text)) = self.text.take() else {
            return;
        };
        self.at = at;
        let text = self.without_condition(text);
        if !text.is_empty() {
            self.compile(&text);
            self.push(Event::Text(text.into()));
        }
    }

    /// Takes the condition off a quotation's first text, and puts it before the quotation.
    fn without_condition(&mut self, text: String) -> String {
        let [
            ..,
            Element::Markdown(Event::Start(Tag::BlockQuote(_))),
            Element::Markdown(Event::Start(Tag::Paragraph)),
        ] = &self.elements[..]
        else {
            return text;
        };
        let marked = text.strip_prefix("[!").and_then(|t| t.split_once(']'));
        let Some((word, rest)) = marked else {
            return text;
        };
        let mark = format!("[!{word}]");
        let Some((_, condition)) = Condition::ALL.iter().find(|(word, _)| *word == mark) else {
            let words: Vec<_> = Condition::ALL.iter().map(|(word, _)| *word).collect();
            self.say(format!("{mark} is unknown; known are {}", words.join(", ")));
            return text;
        };
        let quotation = self.elements.len() - 2;
        self.elements
            .insert(quotation, Element::Block(Directive::Only(*condition)));
        rest.trim_start().to_owned()
    }

    fn fence(&mut self, info: &str, body: &str) -> Option<Directive> {
        let mut words = info.split_whitespace();
        let word = words.next().unwrap_or_default();
        let mut keys = FenceKeys(words.collect());
        let block = match word {
            "text" => {
                let text = body.trim_end();
                self.compile(text);
                Directive::Text(text.to_owned())
            }
            "bash" | "powershell" | "shell" => {
                let mut of = |shell, other| match word == other {
                    true => Vec::new(),
                    false => self.command(body, shell),
                };
                Directive::Commands {
                    bash: of(Shell::Bash, "powershell"),
                    powershell: of(Shell::PowerShell, "bash"),
                }
            }
            "flow" => {
                let lines = body.lines().filter(|line| !line.trim().is_empty());
                let steps = lines.map(|line| {
                    let (name, about) = line.split_once(" | ").unwrap_or((line, ""));
                    let [name, about] = [name, about].map(|text| text.trim().to_owned());
                    self.compile(&name);
                    self.compile(&about);
                    FlowStep { name, about }
                });
                Directive::Flow(steps.collect())
            }
            "checks" => Directive::Checks {
                hints: keys.flag("hints"),
            },
            "input" => Directive::Input {
                payload: self.payload(&mut keys)?,
            },
            "request" => {
                // A route without a body is asked for with its method.
                let bodiless = keys.0.iter().all(|word| !word.starts_with("payload="));
                let payload = match bodiless {
                    true => None,
                    false => Some(self.payload(&mut keys)?),
                };
                let times = match keys.take("times").map(|n| n.parse::<u32>()) {
                    None => 1,
                    Some(Ok(n @ 1..=100)) => n,
                    Some(_) => {
                        self.say("times must be a number from 1 to 100");
                        1
                    }
                };
                Directive::Request {
                    payload,
                    times,
                    route: self.route(&mut keys, bodiless)?,
                }
            }
            other => {
                self.say(format!(
                    "a block begins with ```{other}, which is unknown; known are {FENCES}"
                ));
                return None;
            }
        };
        if let Some(left) = keys.0.first() {
            self.say(format!("```{word} has no {left:?}"));
        }
        if matches!(word, "input" | "request" | "checks") && !body.trim().is_empty() {
            self.say(format!(
                "```{word} takes no text; the lab says what it shows"
            ));
        }
        Some(block)
    }

    fn command(&mut self, body: &str, shell: Shell) -> Vec<CommandPart> {
        let (parts, problems) = command_parts(body, shell);
        for problem in problems {
            self.say(problem);
        }
        for part in &parts {
            if let CommandPart::Value(value) = part {
                self.compile(value);
            }
        }
        if parts.is_empty() {
            self.say("a command is empty");
        }
        parts
    }

    fn payload(&mut self, keys: &mut FenceKeys<'_>) -> Option<String> {
        let id = keys.take("payload").unwrap_or_default();
        let payloads = &self.manifest.payloads;
        if payloads.iter().any(|p| p.id == id) {
            return Some(id.to_owned());
        }
        let ids = known("payload", payloads.iter().map(|p| p.id.as_str()));
        self.say(format!("payload={id} names no [[payload]]; {ids}"));
        None
    }

    /// The one route that takes a body, or takes none, and answers the given api, method and path. A path may have values in the
    /// place of the route's parameters.
    fn route(&mut self, keys: &mut FenceKeys<'_>, bodiless: bool) -> Option<RouteRef> {
        let [api, method, path] = ["api", "method", "path"].map(|key| keys.take(key));
        let apis = self.manifest.apis.iter();
        let apis = apis.filter(|entry| api.is_none_or(|api| entry.id == api));
        let routes = apis.flat_map(|entry| entry.routes.iter().map(move |route| (entry, route)));
        let fitting = routes.filter_map(|(entry, route)| {
            let own = route.method.as_str();
            let sent = method.filter(|_| own == "ANY").unwrap_or(own);
            let path = path.unwrap_or(&route.path);
            let one = std::slice::from_ref(route);
            let answers = route.path == path
                || answering(one, |r| (&r.method, &r.path), sent, path).is_some();
            let takes_body = matches!(sent, "POST" | "PUT" | "PATCH");
            let fits = answers
                && method.is_none_or(|method| method == sent)
                && sent != "ANY"
                && takes_body != bodiless;
            let found = RouteRef {
                api: entry.id.clone(),
                method: sent.to_owned(),
                path: path.to_owned(),
            };
            fits.then_some((route.path != path, found))
        });
        let mut found: Vec<(bool, RouteRef)> = fitting.collect();
        // A path of its own comes before one with parameters.
        if found.iter().any(|(by_parameter, _)| !by_parameter) {
            found.retain(|(by_parameter, _)| !by_parameter);
        }
        let what = if bodiless { "no body" } else { "a body" };
        if found.len() != 1 {
            self.say(format!(
                "{} routes that take {what} fit; say which with api=, method= and path=",
                found.len()
            ));
        }
        let (_, found) = found.pop()?;
        if bodiless && found.path.contains('{') {
            self.say(format!(
                "path={} has parameters: write values in their place, such as path=/runs/42",
                found.path
            ));
        }
        Some(found)
    }
}

/// A link with its address between brackets behind it.
pub(super) fn inline_link(url: String) -> Tag<'static> {
    Tag::Link {
        link_type: LinkType::Inline,
        dest_url: url.into(),
        title: "".into(),
        id: "".into(),
    }
}

fn holds_blocks(end: &TagEnd) -> bool {
    matches!(end, TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item)
}

/// The text up to the end of the current tag; anything else in it is skipped.
fn body(events: &mut OffsetIter<'_>) -> String {
    let mut body = String::new();
    let mut depth = 1;
    while depth > 0 {
        match events.next() {
            None => break,
            Some((Event::Start(_), _)) => depth += 1,
            Some((Event::End(_), _)) => depth -= 1,
            Some((Event::Text(text), _)) => body.push_str(&text),
            Some(_) => {}
        }
    }
    body
}

/// The words behind a fence's first word: flags and key=value.
struct FenceKeys<'a>(Vec<&'a str>);

impl<'a> FenceKeys<'a> {
    fn take(&mut self, key: &str) -> Option<&'a str> {
        let value = |word: &&str| word.split_once('=').is_some_and(|(k, _)| k == key);
        let index = self.0.iter().position(value)?;
        let (_, value) = self.0.remove(index).split_once('=')?;
        Some(value)
    }

    fn flag(&mut self, flag: &str) -> bool {
        let index = self.0.iter().position(|word| *word == flag);
        index.map(|index| self.0.remove(index)).is_some()
    }
}
