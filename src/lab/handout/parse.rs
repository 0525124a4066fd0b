//! From a Markdown file to the parts of a handout, with every problem and its line.

use std::iter::Peekable;
use std::ops::Range;

use pulldown_cmark::utils::TextMergeWithOffset;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, OffsetIter, Options, Tag};

use crate::lab::handout::shell::{Shell, pieces};
use crate::lab::handout::{Condition, Directive, RouteRef, is_template, key};
use crate::lab::model::Manifest;
use crate::lab::problems::known;
use crate::lab::template::Templates;
use crate::report::handout::content::{Block, Inline, Piece, Station};

type Part = Block<Directive>;
type Events<'a> = Peekable<TextMergeWithOffset<'a, OffsetIter<'a>>>;

/// The words behind a fence, for a hint.
const FENCES: &str = "text, bash, powershell, shell, input, request, flow, checks";

/// Reads one file.
pub(super) struct Parser<'a> {
    source: &'a str,
    manifest: &'a Manifest,
    templates: &'a mut Templates,
    /// Line and problem.
    pub problems: Vec<(usize, String)>,
}

impl<'a> Parser<'a> {
    pub fn new(source: &'a str, manifest: &'a Manifest, templates: &'a mut Templates) -> Self {
        Self {
            source,
            manifest,
            templates,
            problems: Vec::new(),
        }
    }

    /// The whole file.
    pub fn document(&mut self) -> Vec<Part> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
        let parser = pulldown_cmark::Parser::new_ext(self.source, options);
        let mut events = TextMergeWithOffset::new(parser.into_offset_iter()).peekable();
        self.blocks(&mut events)
    }

    fn say(&mut self, at: usize, problem: impl Into<String>) {
        let before = &self.source.as_bytes()[..at.min(self.source.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.problems.push((line, problem.into()));
    }

    /// A text that is filled in by itself.
    fn text(&mut self, at: usize, text: &str) -> String {
        if is_template(text) {
            for problem in self.templates.add_text(&key(text), text) {
                self.say(at, problem);
            }
        }
        text.to_owned()
    }

    /// Blocks up to the end of what holds them, which is taken too.
    fn blocks(&mut self, events: &mut Events<'a>) -> Vec<Part> {
        let mut blocks: Vec<Part> = Vec::new();
        while let Some((event, range)) = events.peek() {
            let at = range.start;
            if is_inline(event) {
                // An item of a tight list has its text without a paragraph around it.
                let text = self.inlines(events, true);
                blocks.push(Block::Paragraph(text));
                continue;
            }
            let Some((event, range)) = events.next() else {
                break;
            };
            let Event::Start(tag) = event else {
                match event {
                    Event::End(_) => return blocks,
                    _ => self.say(
                        at,
                        "rules, HTML and whatever else is no plain Markdown are not supported",
                    ),
                }
                continue;
            };
            let block = self.block(tag, range, events);
            match (blocks.last_mut(), block) {
                (_, None) => {}
                // Bash, then PowerShell: two ways to say the same.
                (
                    Some(Block::Commands { bash, powershell }),
                    Some(Block::Commands {
                        bash: none,
                        powershell: other,
                    }),
                ) if !bash.is_empty() && powershell.is_empty() && none.is_empty() => {
                    *powershell = other;
                }
                (_, Some(block)) => blocks.push(block),
            }
        }
        blocks
    }

    fn block(
        &mut self,
        tag: Tag<'a>,
        range: Range<usize>,
        events: &mut Events<'a>,
    ) -> Option<Part> {
        let at = range.start;
        match tag {
            Tag::Heading { level, id, .. } => {
                let check = id.map(|id| id.to_string());
                if let Some(check) = &check {
                    let checks = &self.manifest.checks;
                    if !checks.iter().any(|c| c.id == *check) {
                        let ids = known("check", checks.iter().map(|c| c.id.as_str()));
                        self.say(at, format!("{{#{check}}} names no [[check]]; {ids}"));
                    }
                }
                Some(Block::Heading {
                    level: level as u8,
                    text: self.inlines(events, false),
                    check,
                })
            }
            Tag::Paragraph => Some(Block::Paragraph(self.inlines(events, false))),
            Tag::List(start) => {
                let mut items = Vec::new();
                while let Some((Event::Start(Tag::Item), _)) = events.next() {
                    items.push(self.blocks(events));
                }
                Some(Block::List { start, items })
            }
            Tag::BlockQuote(_) => {
                let blocks = self.blocks(events);
                Some(self.note(at, blocks))
            }
            Tag::CodeBlock(kind) => {
                let mut text = String::new();
                while let Some((Event::Text(part), _)) = events.next() {
                    text.push_str(&part);
                }
                match kind {
                    CodeBlockKind::Fenced(info) => self.fence(at, &info, &text),
                    CodeBlockKind::Indented => {
                        self.say(
                            at,
                            "text that begins with four spaces; put code between ``` fences",
                        );
                        None
                    }
                }
            }
            Tag::Table(_) => {
                let mut rows = Vec::new();
                while let Some((Event::Start(_), _)) = events.next() {
                    let mut row = Vec::new();
                    while let Some((Event::Start(_), _)) = events.next() {
                        row.push(self.inlines(events, false));
                    }
                    rows.push(row);
                }
                let head = (!rows.is_empty()).then(|| rows.remove(0));
                Some(Block::Table {
                    head: head.unwrap_or_default(),
                    rows,
                })
            }
            _ => {
                self.say(
                    at,
                    "HTML and whatever else is no plain Markdown is not supported",
                );
                skip(events);
                None
            }
        }
    }

    /// A quotation: a note to all, or one that only some get.
    fn note(&mut self, at: usize, mut blocks: Vec<Part>) -> Part {
        let Some(Block::Paragraph(first)) = blocks.first_mut() else {
            return Block::Note(blocks);
        };
        let Some(Inline::Text(text)) = first.first_mut() else {
            return Block::Note(blocks);
        };
        let Some(mark) = text
            .strip_prefix("[!")
            .and_then(|rest| rest.split_once(']'))
        else {
            return Block::Note(blocks);
        };
        let mark = format!("[!{}]", mark.0);
        let Some((_, condition)) = Condition::ALL.iter().find(|(word, _)| *word == mark) else {
            let words: Vec<_> = Condition::ALL.iter().map(|(word, _)| *word).collect();
            self.say(
                at,
                format!("{mark} is unknown; known are {}", words.join(", ")),
            );
            return Block::Note(blocks);
        };
        *text = text[mark.len()..].trim_start().to_owned();
        let rest = text.clone();
        self.text(at, &rest);
        if rest.is_empty() {
            first.remove(0);
            if let Some(Inline::Text(next)) = first.first_mut() {
                let trimmed = next.trim_start().to_owned();
                *next = self.text(at, &trimmed);
            }
            if first.is_empty() {
                blocks.remove(0);
            }
        }
        Block::Own(Directive::Only(*condition, blocks))
    }

    fn fence(&mut self, at: usize, info: &str, body: &str) -> Option<Part> {
        let mut words = info.split_whitespace();
        let word = words.next().unwrap_or_default();
        let mut keys = Keys::of(words);
        let block = match word {
            "text" => {
                let text = body.trim_end();
                Some(Block::Code(self.text(at, text)))
            }
            "bash" => Some(Block::Commands {
                bash: self.command(at, body, Shell::Bash),
                powershell: Vec::new(),
            }),
            "powershell" => Some(Block::Commands {
                bash: Vec::new(),
                powershell: self.command(at, body, Shell::PowerShell),
            }),
            "shell" => Some(Block::Commands {
                bash: self.command(at, body, Shell::Bash),
                powershell: self.command(at, body, Shell::PowerShell),
            }),
            "flow" => {
                let mut stations = Vec::new();
                for line in body.lines().filter(|line| !line.trim().is_empty()) {
                    let (name, about) = line.split_once(" | ").unwrap_or((line, ""));
                    stations.push(Station {
                        name: self.text(at, name.trim()),
                        about: self.text(at, about.trim()),
                    });
                }
                Some(Block::Flow(stations))
            }
            "checks" => Some(Block::Checks {
                hints: keys.flag("hints"),
            }),
            "input" => {
                let payload = self.payload(at, &mut keys)?;
                Some(Block::Own(Directive::Input { payload }))
            }
            "request" => {
                let payload = self.payload(at, &mut keys)?;
                let times = match keys.take("times").map(|n| n.parse::<u32>()) {
                    None => 1,
                    Some(Ok(n @ 1..=100)) => n,
                    Some(_) => {
                        self.say(at, "times must be a number from 1 to 100");
                        1
                    }
                };
                let route = self.route(at, &mut keys)?;
                Some(Block::Own(Directive::Request {
                    payload,
                    times,
                    route,
                }))
            }
            other => {
                self.say(
                    at,
                    format!("a block begins with ```{other}, which is unknown; known are {FENCES}"),
                );
                return None;
            }
        };
        if let Some(left) = keys.0.first() {
            self.say(at, format!("```{word} has no {left:?}"));
        }
        if matches!(word, "input" | "request" | "checks") && !body.trim().is_empty() {
            self.say(
                at,
                format!("```{word} takes no text; what it shows is the lab's"),
            );
        }
        block
    }

    fn command(&mut self, at: usize, body: &str, shell: Shell) -> Vec<Piece> {
        let (pieces, problems) = pieces(body, shell);
        for problem in problems {
            self.say(at, problem);
        }
        for piece in &pieces {
            if let Piece::Value(value) = piece {
                self.text(at, value);
            }
        }
        if pieces.is_empty() {
            self.say(at, "a command is empty");
        }
        pieces
    }

    fn payload(&mut self, at: usize, keys: &mut Keys<'_>) -> Option<String> {
        let id = keys.take("payload").unwrap_or_default();
        let payloads = &self.manifest.payloads;
        if payloads.iter().any(|p| p.id == id) {
            return Some(id.to_owned());
        }
        let ids = known("payload", payloads.iter().map(|p| p.id.as_str()));
        self.say(at, format!("payload={id} names no [[payload]]; {ids}"));
        None
    }

    /// The one route that fits what is said of it, of those that take a body.
    fn route(&mut self, at: usize, keys: &mut Keys<'_>) -> Option<RouteRef> {
        let asked = ["api", "method", "path"].map(|key| keys.take(key));
        let fits = |route: &RouteRef| {
            let parts = [&route.api, &route.method, &route.path];
            asked
                .iter()
                .zip(parts)
                .all(|(asked, part)| asked.is_none_or(|a| a == part))
        };
        let apis = self.manifest.rest_apis.iter();
        let routes = apis.flat_map(|api| {
            api.routes.iter().map(|route| RouteRef {
                api: api.id.clone(),
                method: route.method.clone(),
                path: route.path.clone(),
            })
        });
        let takes_body = |route: &RouteRef| matches!(&*route.method, "POST" | "PUT" | "PATCH");
        let mut found: Vec<RouteRef> = routes.filter(takes_body).filter(fits).collect();
        if found.len() != 1 {
            self.say(
                at,
                format!(
                    "{} routes that take a body fit; say which with api=, method= and path=",
                    found.len()
                ),
            );
        }
        found.pop()
    }

    /// Texts up to the end of what holds them, which is taken unless they stand by themselves.
    fn inlines(&mut self, events: &mut Events<'a>, bare: bool) -> Vec<Inline> {
        let mut raw: Vec<(Inline, usize)> = Vec::new();
        loop {
            if bare && !events.peek().is_some_and(|(event, _)| is_inline(event)) {
                break;
            }
            let Some((event, range)) = events.next() else {
                break;
            };
            let at = range.start;
            let inline = match event {
                Event::End(_) => break,
                Event::Text(text) => Inline::Text(text.into_string()),
                Event::SoftBreak | Event::HardBreak => Inline::Text(" ".to_owned()),
                Event::Code(text) => Inline::Code(self.text(at, &text)),
                Event::Start(Tag::Strong) => Inline::Strong(self.inlines(events, false)),
                Event::Start(Tag::Emphasis) => Inline::Emphasis(self.inlines(events, false)),
                Event::Start(Tag::Link { dest_url, .. }) => Inline::Link {
                    url: self.url(at, &dest_url),
                    text: self.inlines(events, false),
                },
                other => {
                    if matches!(other, Event::Start(_)) {
                        skip(events);
                    }
                    self.say(at, "images, HTML and whatever else is no plain Markdown are not supported; what stands in < > goes between backticks");
                    continue;
                }
            };
            // Text goes on over the end of a line, so that a condition may, too.
            match (raw.last_mut(), inline) {
                (Some((Inline::Text(before), _)), Inline::Text(more)) => before.push_str(&more),
                (_, inline) => raw.push((inline, at)),
            }
        }
        raw.into_iter()
            .map(|(inline, at)| match inline {
                Inline::Text(text) => Inline::Text(self.text(at, &text)),
                other => other,
            })
            .collect()
    }

    fn url(&mut self, at: usize, url: &CowStr<'_>) -> String {
        let begins = ["https://", "http://", "{{"];
        if !begins.iter().any(|begin| url.starts_with(begin)) {
            self.say(
                at,
                format!(
                    "a link leads to {url:?}; it must begin with https:// or with a value that does"
                ),
            );
        }
        self.text(at, url)
    }
}

fn is_inline(event: &Event<'_>) -> bool {
    match event {
        Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak => true,
        Event::InlineHtml(_) => true,
        Event::Start(tag) => matches!(
            tag,
            Tag::Strong | Tag::Emphasis | Tag::Link { .. } | Tag::Image { .. }
        ),
        _ => false,
    }
}

/// Leaves out everything up to the end of what has begun.
fn skip(events: &mut Events<'_>) {
    let mut depth = 1;
    for (event, _) in events.by_ref() {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// What stands behind a fence's word: flags and key=value.
struct Keys<'a>(Vec<&'a str>);

impl<'a> Keys<'a> {
    fn of(words: impl Iterator<Item = &'a str>) -> Self {
        Self(words.collect())
    }

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
