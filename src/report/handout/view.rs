//! Everything that a handout shows, as finished words: what lays it out only places and escapes them.

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::lab::check::{Check, Credit, Proof, Work};
use crate::lab::points::Points;
use crate::report::handout::content::{Block, Example, Inline};

use super::super::html::link;
use super::super::shell;
use super::{About, One};
use crate::text::show::clean;

/// One student's handout.
#[derive(Serialize)]
pub(super) struct Sheet {
    pub class: String,
    pub lab_title: String,
    pub minutes: u32,
    pub username: String,
    pub name: String,
    pub section: String,
    /// What stands at the top: label, value.
    pub facts: Vec<Fact>,
    /// Whether a password or a key is among them.
    pub secret: bool,
    /// Whether there are commands for two shells to choose between.
    pub shells: bool,
    /// What comes before the first heading.
    pub intro: Vec<Part>,
    pub chapters: Vec<Chapter>,
}

#[derive(Serialize)]
pub(super) struct Fact {
    pub label: &'static str,
    /// The lab's own word for it; the label is empty then.
    pub own_label: String,
    pub value: String,
    pub link: bool,
    pub secret: bool,
}

/// What stands below a heading of the largest kind.
#[derive(Serialize)]
pub(super) struct Chapter {
    pub id: String,
    pub title: Vec<Span>,
    /// `15 points`, where a check is passed by doing it.
    pub points: String,
    pub parts: Vec<Part>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Part {
    Heading {
        text: Vec<Span>,
    },
    Paragraph {
        text: Vec<Span>,
    },
    List {
        start: Option<u64>,
        items: Vec<Item>,
    },
    Table {
        head: Vec<Cell>,
        rows: Vec<Vec<Cell>>,
    },
    Note {
        parts: Vec<Part>,
    },
    Code {
        label: String,
        text: String,
    },
    /// Equal where both shells read the same.
    Commands {
        title: String,
        bash: String,
        powershell: String,
        same: bool,
    },
    Flow {
        stations: Vec<Station>,
    },
    Checks {
        rows: Vec<Task>,
        hints: bool,
        total: Points,
    },
}

#[derive(Serialize)]
pub(super) struct Item {
    pub parts: Vec<Part>,
    /// Whether it is one line of text, which needs no room around it.
    pub tight: bool,
}

#[derive(Serialize)]
pub(super) struct Cell {
    pub text: Vec<Span>,
}

#[derive(Serialize)]
pub(super) struct Station {
    pub name: String,
    pub about: String,
}

#[derive(Serialize)]
pub(super) struct Task {
    /// Where on the page it is done; empty where nothing says so.
    pub id: String,
    pub title: String,
    /// Empty where there are none.
    pub points: String,
    pub seen: String,
    pub hint: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Span {
    Text { text: String },
    Code { text: String },
    Strong { of: Vec<Span> },
    Emphasis { of: Vec<Span> },
    Link { url: String, of: Vec<Span> },
}

impl Sheet {
    /// `together`: whether it stands in one page with others, so that its ids need their owner's name.
    pub fn of(about: &About<'_>, one: &One<'_>, together: bool) -> Self {
        let student = one.student;
        let username = student.username.as_str();
        let prefix = match together {
            true => format!("{username}-"),
            false => String::new(),
        };
        let maker = Maker {
            checks: about.checks,
            prefix: &prefix,
            done_here: one
                .handout
                .blocks
                .iter()
                .filter_map(|block| match block {
                    Block::Heading { check, .. } => check.as_deref(),
                    _ => None,
                })
                .collect(),
        };
        let mut intro = Vec::new();
        let mut chapters: Vec<Chapter> = Vec::new();
        for block in &one.handout.blocks {
            match (block, chapters.last_mut()) {
                (
                    Block::Heading {
                        level: 1 | 2,
                        text,
                        check,
                    },
                    _,
                ) => {
                    chapters.push(maker.chapter(text, check.as_deref()));
                }
                (block, Some(chapter)) => chapter.parts.push(maker.part(block)),
                (block, None) => intro.push(maker.part(block)),
            }
        }
        let column = |value: &Option<String>| own(value.as_deref().unwrap_or_default());
        Self {
            class: about.class.to_string(),
            lab_title: own(about.lab_title),
            minutes: about.minutes,
            username: username.to_owned(),
            name: column(&student.name),
            section: column(&student.section),
            secret: one.credentials.is_some(),
            shells: one.handout.blocks.iter().any(is_for_shells),
            facts: facts(about, one),
            intro,
            chapters,
        }
    }
}

/// What a student needs at hand.
fn facts(about: &About<'_>, one: &One<'_>) -> Vec<Fact> {
    let fact = |label: &'static str, value: &str| Fact {
        label,
        own_label: String::new(),
        value: own(value),
        link: link(value).is_some(),
        secret: false,
    };
    let secret = |label, value: &str| Fact {
        link: false,
        secret: true,
        ..fact(label, value)
    };
    let mut facts = vec![fact("Username", one.student.username.as_str())];
    let password = one.credentials.as_ref().and_then(|c| c.password.as_ref());
    if let Some(password) = password {
        // Where there is no console, nobody has use for it; it is theirs all the same.
        facts.push(secret("First password", password.expose_secret()));
    }
    if let Some(url) = about.sign_in_url {
        facts.push(fact("Sign in", url));
    }
    facts.push(fact("Region", about.region));
    let leads_somewhere = |value: &str| link(value).is_some();
    let outputs = one.handout.outputs.iter();
    facts.extend(
        outputs
            .filter(|output| leads_somewhere(&output.value))
            .map(|output| Fact {
                own_label: own(&output.label),
                ..fact("", &output.value)
            }),
    );
    let key = one.credentials.as_ref().and_then(|c| c.access_key.as_ref());
    if let Some(key) = key {
        facts.push(secret("Access key ID", &key.id));
        facts.push(secret("Secret access key", key.secret.expose_secret()));
    }
    facts
}

fn is_for_shells(block: &Block) -> bool {
    match block {
        Block::Commands { bash, powershell } => bash != powershell,
        Block::Own(Example::Request { .. }) => true,
        Block::Note(inner) => inner.iter().any(is_for_shells),
        Block::List { items, .. } => items.iter().flatten().any(is_for_shells),
        _ => false,
    }
}

struct Maker<'a> {
    checks: &'a [Check],
    prefix: &'a str,
    /// Ids of the checks that a heading stands for.
    done_here: Vec<&'a str>,
}

impl Maker<'_> {
    fn chapter(&self, text: &[Inline], check: Option<&str>) -> Chapter {
        let check = self.checks.iter().find(|c| Some(c.id.as_str()) == check);
        Chapter {
            id: check.map_or(String::new(), |check| {
                format!("{}{}", self.prefix, check.id)
            }),
            title: spans(text),
            points: check.map_or(String::new(), |check| words(check.points)),
            parts: Vec::new(),
        }
    }

    fn parts(&self, blocks: &[Block]) -> Vec<Part> {
        blocks.iter().map(|block| self.part(block)).collect()
    }

    fn part(&self, block: &Block) -> Part {
        match block {
            Block::Heading { text, .. } => Part::Heading { text: spans(text) },
            Block::Paragraph(text) => Part::Paragraph { text: spans(text) },
            Block::List { start, items } => Part::List {
                start: *start,
                items: items
                    .iter()
                    .map(|item| Item {
                        parts: self.parts(item),
                        tight: matches!(item[..], [Block::Paragraph(_)]),
                    })
                    .collect(),
            },
            Block::Table { head, rows } => Part::Table {
                head: cells(head),
                rows: rows.iter().map(|row| cells(row)).collect(),
            },
            Block::Note(inner) => Part::Note {
                parts: self.parts(inner),
            },
            Block::Code(text) => Part::Code {
                label: String::new(),
                text: shell::lines(text),
            },
            Block::Commands { bash, powershell } => commands(
                String::new(),
                shell::bash(bash),
                shell::power_command(powershell),
            ),
            Block::Flow(stations) => Part::Flow {
                stations: stations
                    .iter()
                    .map(|s| Station {
                        name: own(&s.name),
                        about: own(&s.about),
                    })
                    .collect(),
            },
            Block::Checks { hints } => Part::Checks {
                rows: self.tasks().map(|check| self.task(check)).collect(),
                hints: *hints,
                total: self.tasks().map(|check| check.points).sum(),
            },
            Block::Own(Example::Input { title, text }) => Part::Code {
                label: own(title),
                text: shell::lines(text),
            },
            // Nobody should send anything to what is no address.
            Block::Own(Example::Request { request, .. }) if link(&request.url).is_none() => {
                Part::Code {
                    label: own(&request.title),
                    text: shell::lines(&request.body),
                }
            }
            Block::Own(Example::Request { request, times: 1 }) => commands(
                own(&request.title),
                shell::curl(request),
                shell::powershell(request),
            ),
            Block::Own(Example::Request { request, times }) => commands(
                own(&request.title),
                shell::curl_times(request, *times),
                shell::powershell_times(request, *times),
            ),
        }
    }

    /// What the student does; the stack is the instructor's work.
    fn tasks(&self) -> impl Iterator<Item = &Check> {
        let checks = self.checks.iter();
        checks.filter(|check| check.work == Work::Student)
    }

    fn task(&self, check: &Check) -> Task {
        Task {
            id: match self.done_here.contains(&check.id.as_str()) {
                true => format!("{}{}", self.prefix, check.id),
                false => String::new(),
            },
            title: own(&check.title),
            points: match check.points.is_zero() {
                true => String::new(),
                false => check.points.to_string(),
            },
            seen: own(&seen(check)),
            hint: own(&check.hint),
        }
    }
}

/// Where a check looks, said to a student.
fn seen(check: &Check) -> String {
    let place = match &check.proof {
        Proof::ResourcesExist | Proof::ResourcesReady => "in your stack".to_owned(),
        Proof::Executions { .. } => "in your executions".to_owned(),
        Proof::LogEvents { .. } => "in your logs".to_owned(),
        Proof::Unprovable { .. } => {
            "nowhere: do it for yourself, or show it to your instructor".to_owned()
        }
    };
    match check.credit {
        Credit::Each => format!("{place}; each one counts"),
        Credit::AllOrNothing => place,
    }
}

/// Points with their noun; nothing where there are none.
fn words(points: Points) -> String {
    match points.is_zero() {
        true => String::new(),
        false => points.words(),
    }
}

fn commands(title: String, bash: String, powershell: String) -> Part {
    Part::Commands {
        title,
        same: bash == powershell,
        bash,
        powershell,
    }
}

fn cells(cells: &[Vec<Inline>]) -> Vec<Cell> {
    cells
        .iter()
        .map(|cell| Cell { text: spans(cell) })
        .collect()
}

fn spans(inlines: &[Inline]) -> Vec<Span> {
    let mut spans_made = Vec::with_capacity(inlines.len());
    for inline in inlines {
        match inline {
            Inline::Text(text) => spans_made.push(Span::Text { text: own(text) }),
            Inline::Code(text) => spans_made.push(Span::Code { text: own(text) }),
            Inline::Strong(of) => spans_made.push(Span::Strong { of: spans(of) }),
            Inline::Emphasis(of) => spans_made.push(Span::Emphasis { of: spans(of) }),
            Inline::Link { url, text } => match link(url) {
                Some(url) => spans_made.push(Span::Link {
                    url: url.to_owned(),
                    of: spans(text),
                }),
                None => spans_made.extend(spans(text)),
            },
        }
    }
    spans_made
}

fn own(text: &str) -> String {
    clean(text).into_owned()
}
