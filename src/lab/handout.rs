//! The lab's handout: a Markdown file of the bundle, taken apart when the lab is read and filled in for a student.
//!
//! The file is parsed *before* anything is filled in, and each text in it becomes a template of its own. So a value
//! can bring no heading, no link, no HTML and no end of a code block with it: there is no Markdown left to be read
//! when it arrives. What is plain CommonMark with tables is pulldown-cmark's to read; fenced blocks with one of a few
//! words behind the fence are the lab's own things (see `docs/lab-bundle.md`).

mod parse;
mod shell;

use std::collections::BTreeMap;

use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::context::ClassContext;
use crate::lab::given::ExampleRequest;
use crate::lab::problems::Problems;
use crate::lab::template::Templates;
use crate::lab::{Files, Lab, Manifest};
use crate::report::handout::content::{Block, Example, Handout, Inline, Piece, Station};
use crate::roster::Student;
use crate::stack::kinds::rest_api::ApiEndpoint;
use crate::text::failure::Failure;

/// What every lab's handout says that has none of its own.
const DEFAULT: &str = include_str!("handout/default.md");

/// What a handout depends on besides the lab and the student.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where students sign in to the console; `None` where there is no console.
    pub sign_in_url: Option<String>,
    /// Whether the student has an access key.
    pub has_keys: bool,
}

/// Something of the lab's own, before it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Directive {
    /// A payload, sent to a route.
    Request {
        payload: String,
        times: u32,
        route: RouteRef,
    },
    /// A payload, to paste.
    Input { payload: String },
    /// Said only to some.
    Only(Condition, Vec<Block<Directive>>),
}

/// A route of the lab by its API's id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RouteRef {
    api: String,
    method: String,
    path: String,
}

/// To whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// There is a console.
    Console,
    /// There is none.
    NoConsole,
    /// The student has an access key.
    Keys,
    /// An API takes signed requests only.
    Signed,
}

impl Condition {
    const ALL: [(&'static str, Self); 4] = [
        ("[!console]", Self::Console),
        ("[!no-console]", Self::NoConsole),
        ("[!keys]", Self::Keys),
        ("[!signed]", Self::Signed),
    ];
}

/// The handout, taken apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// The file that messages name.
    file: String,
    blocks: Vec<Block<Directive>>,
}

/// Reads the handout of a bundle, and compiles each of its texts.
pub(super) fn read(
    manifest: &Manifest,
    files: &Files,
    templates: &mut Templates,
    problems: &mut Problems,
) -> Parts {
    let (file, source) = match &manifest.handout {
        None => ("the handout of labs that have none".to_owned(), DEFAULT),
        Some(handout) => {
            let path = format!("templates/{}", handout.template);
            match files.get(&path).map(|bytes| std::str::from_utf8(bytes)) {
                Some(Ok(source)) => (path, source),
                Some(Err(error)) => {
                    problems.add(path, format!("is not UTF-8: {error}"));
                    return Parts::default();
                }
                None => {
                    let cause = format!(
                        "[handout]: template = {:?}: there is no file {path}",
                        handout.template
                    );
                    problems.add(crate::lab::verify::MANIFEST, cause);
                    return Parts::default();
                }
            }
        }
    };
    let mut parser = parse::Parser::new(source, manifest, templates);
    let blocks = parser.document();
    for (line, problem) in parser.problems {
        problems.add(format!("{file}, line {line}"), problem);
    }
    Parts { file, blocks }
}

/// The key under which a text is compiled: the text itself, so that the same text is compiled once.
fn key(text: &str) -> String {
    format!("handout: {text}")
}

/// Whether a text has anything to fill in.
fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

impl Lab {
    /// Fills the handout in for a made-up student, so that what it names and the lab does not have is told when the
    /// lab is read.
    pub(super) fn try_handout(&self, problems: &mut Problems) {
        let (Ok(class), Ok(username)) = ("class".parse::<ClassName>(), "student1".parse()) else {
            return;
        };
        let scope = Scope {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: self.region().to_owned(),
        };
        let student = Student {
            username,
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
        };
        let apis = self.stand_in_apis(&student.username);
        let around = Surroundings {
            sign_in_url: Some("https://123456789012.signin.example/console".to_owned()),
            has_keys: true,
        };
        if let Err(failure) = self.handout(&scope, &class, &student, &apis, &around) {
            problems.add(failure.subject, failure.cause).hint = failure.hint;
        }
    }

    /// A student's handout. `apis` (by API name) has every API of the student's.
    ///
    /// # Errors
    /// A text that cannot be filled in. What the lab does not have is found when it is read; what is left is a column
    /// that this roster does not have.
    pub fn handout(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        around: &Surroundings,
    ) -> Result<Handout, Box<Failure>> {
        let mut context = ClassContext::new(self, scope, class).student(student, apis);
        let sign_in = around.sign_in_url.as_deref();
        context.insert("sign_in_url", sign_in.unwrap_or_default());
        let filling = Filling {
            lab: self,
            context,
            requests: self.requests(scope, class, student, apis),
            payloads: self.payloads(scope, class, student),
            no_console: sign_in.is_none().then(|| scope.console()),
            around,
        };
        let mut outputs = self.outputs(scope, class, student, apis);
        outputs.retain(|output| filling.leads_somewhere(&output.value));
        Ok(Handout {
            blocks: filling.blocks(&self.handout.blocks)?,
            outputs,
        })
    }

    /// Every payload at every route, with the ids of both.
    fn requests(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Vec<(RouteRef, ExampleRequest)> {
        let payloads = self.payloads(scope, class, student);
        let mut requests = Vec::new();
        for api in &self.manifest.rest_apis {
            let name = self.rest_api_name(&api.id, &student.username);
            let Some((name, endpoint)) =
                name.and_then(|name| apis.get(&name).map(|endpoint| (name, endpoint)))
            else {
                continue;
            };
            let sigv4 = self.signature(&name, scope, &student.username);
            for route in &api.routes {
                requests.extend(payloads.iter().map(|payload| {
                    let reference = RouteRef {
                        api: api.id.clone(),
                        method: route.method.clone(),
                        path: route.path.clone(),
                    };
                    let request = ExampleRequest {
                        id: payload.id.clone(),
                        title: payload.title.clone(),
                        method: route.method.clone(),
                        url: format!("{}{}", endpoint.url, route.path),
                        body: payload.text.clone(),
                        sigv4: sigv4.clone(),
                    };
                    (reference, request)
                }));
            }
        }
        requests
    }
}

/// One student's handout in the making.
struct Filling<'a> {
    lab: &'a Lab,
    context: Context,
    requests: Vec<(RouteRef, ExampleRequest)>,
    payloads: Vec<crate::lab::Payload>,
    /// The console's address, where there is no console: what begins so leads nowhere.
    no_console: Option<String>,
    around: &'a Surroundings,
}

impl Filling<'_> {
    fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Console => self.around.sign_in_url.is_some(),
            Condition::NoConsole => self.around.sign_in_url.is_none(),
            Condition::Keys => self.around.has_keys,
            Condition::Signed => self.requests.iter().any(|(_, r)| r.sigv4.is_some()),
        }
    }

    fn leads_somewhere(&self, url: &str) -> bool {
        let console = self.no_console.as_deref();
        !url.is_empty() && console.is_none_or(|console| !url.starts_with(console))
    }

    fn text(&self, text: &str) -> Result<String, Box<Failure>> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        let filled = self.lab.templates.text(&key(text), &self.context);
        filled.map_err(|cause| {
            Box::new(Failure {
                subject: self.lab.handout.file.clone(),
                cause,
                hint: Some(
                    "a column that only some rosters have needs a filter: {{ student.team | default(value=\"\") }}"
                        .to_owned(),
                ), request_id: None,
            })
        })
    }

    fn blocks(&self, blocks: &[Block<Directive>]) -> Result<Vec<Block>, Box<Failure>> {
        let mut filled = Vec::new();
        for block in blocks {
            match block {
                Block::Own(Directive::Only(condition, inner)) => {
                    if self.holds(*condition) {
                        filled.push(Block::Note(self.blocks(inner)?));
                    }
                }
                Block::Own(Directive::Request {
                    payload,
                    times,
                    route,
                }) => {
                    let is_it = |(reference, request): &&(RouteRef, ExampleRequest)| {
                        reference == route && request.id == *payload
                    };
                    filled.extend(self.requests.iter().find(is_it).map(|(_, request)| {
                        Block::Own(Example::Request {
                            request: request.clone(),
                            times: *times,
                        })
                    }));
                }
                Block::Own(Directive::Input { payload }) => {
                    let payload = self.payloads.iter().find(|p| p.id == *payload);
                    filled.extend(payload.map(|payload| {
                        Block::Own(Example::Input {
                            title: payload.title.clone(),
                            text: payload.text.clone(),
                        })
                    }));
                }
                other => filled.push(self.block(other)?),
            }
        }
        Ok(filled)
    }

    /// A block that is the same kind of block when it is filled in.
    fn block(&self, block: &Block<Directive>) -> Result<Block, Box<Failure>> {
        Ok(match block {
            Block::Heading { level, text, check } => Block::Heading {
                level: *level,
                text: self.inlines(text)?,
                check: check.clone(),
            },
            Block::Paragraph(text) => Block::Paragraph(self.inlines(text)?),
            Block::List { start, items } => Block::List {
                start: *start,
                items: all(items, |item| self.blocks(item))?,
            },
            Block::Table { head, rows } => Block::Table {
                head: all(head, |cell| self.inlines(cell))?,
                rows: all(rows, |row| all(row, |cell| self.inlines(cell)))?,
            },
            Block::Note(inner) => Block::Note(self.blocks(inner)?),
            Block::Code(text) => Block::Code(self.text(text)?),
            Block::Commands { bash, powershell } => Block::Commands {
                bash: all(bash, |piece| self.piece(piece))?,
                powershell: all(powershell, |piece| self.piece(piece))?,
            },
            Block::Flow(stations) => Block::Flow(all(stations, |station| {
                Ok(Station {
                    name: self.text(&station.name)?,
                    about: self.text(&station.about)?,
                })
            })?),
            Block::Checks { hints } => Block::Checks { hints: *hints },
            // `blocks` has these.
            Block::Own(_) => Block::Note(Vec::new()),
        })
    }

    fn piece(&self, piece: &Piece) -> Result<Piece, Box<Failure>> {
        Ok(match piece {
            Piece::Fixed(text) => Piece::Fixed(text.clone()),
            Piece::Value(text) => Piece::Value(self.text(text)?),
        })
    }

    fn inlines(&self, inlines: &[Inline]) -> Result<Vec<Inline>, Box<Failure>> {
        let mut filled = Vec::with_capacity(inlines.len());
        for inline in inlines {
            match inline {
                Inline::Text(text) => filled.push(Inline::Text(self.text(text)?)),
                Inline::Code(text) => filled.push(Inline::Code(self.text(text)?)),
                Inline::Strong(of) => filled.push(Inline::Strong(self.inlines(of)?)),
                Inline::Emphasis(of) => filled.push(Inline::Emphasis(self.inlines(of)?)),
                Inline::Link { url, text } => {
                    let url = self.text(url)?;
                    let text = self.inlines(text)?;
                    if self.leads_somewhere(&url) {
                        filled.push(Inline::Link { url, text });
                    } else {
                        filled.extend(text);
                    }
                }
            }
        }
        Ok(filled)
    }
}

fn all<T, U>(
    items: &[T],
    fill: impl FnMut(&T) -> Result<U, Box<Failure>>,
) -> Result<Vec<U>, Box<Failure>> {
    items.iter().map(fill).collect()
}

#[cfg(test)]
mod tests;
