//! The lab's handout: a Markdown file of the bundle, read and checked when the lab is read, and filled in for a student.
//!
//! The file is parsed *before* anything is filled in, and each text in it becomes a template of its own. So a value
//! cannot add a heading, a link, HTML or the end of a code block: nothing parses Markdown after the values are in.
//! pulldown-cmark reads CommonMark with tables. Fenced blocks with certain words behind the fence are homeroom's own
//! (see `docs/lab-bundle.md`).

pub(crate) mod content;
mod parse;
pub(crate) mod shell;

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Tag, TagEnd};
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::context::ClassContext;
use crate::lab::given::ExampleRequest;
use crate::lab::model::HandoutEntry;
use crate::lab::model::MANIFEST;
use crate::lab::problems::Problems;
use crate::lab::template::Templates;
use crate::lab::{Files, Lab, Manifest};
use crate::roster::Student;
use crate::stack::kinds::api::ApiEndpoint;
use crate::text::failure::Failure;
use crate::text::link::link;
use crate::text::show::clean;
use content::{Element, FilledHandout, FlowStep, HandoutAddress, HandoutBlock};
use shell::{CommandPart, Shell, lines};

/// The handout of labs that have none of their own.
const DEFAULT: &str = include_str!("handout/default.md");

/// What a student can get in with, which a handout depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudentAccess {
    /// Where students sign in to the console; `None` where there is no console.
    pub sign_in_url: Option<String>,
    /// Whether the student has an access key.
    pub has_keys: bool,
}

/// A block of the lab's own, before it is filled in. Texts and values are templates.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Directive {
    /// The quotation that follows is only for students of whom the condition holds.
    Only(Condition),
    Text(String),
    Commands {
        bash: Vec<CommandPart>,
        powershell: Vec<CommandPart>,
    },
    /// A payload, sent to a route; `None` for a route that is called without a body.
    Request {
        payload: Option<String>,
        times: u32,
        route: RouteRef,
    },
    /// A payload, to paste.
    Input {
        payload: String,
    },
    Flow(Vec<FlowStep>),
    Checks {
        hints: bool,
    },
}

/// A route of the lab by its API's id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RouteRef {
    api: String,
    method: String,
    path: String,
}

/// Which students a quotation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Console,
    NoConsole,
    /// The student has an access key.
    Keys,
    /// An API of the lab takes signed requests only.
    Signed,
    /// The student can run `homeroom check`: has an access key, and AWS itself answers.
    Check,
    /// They can, and homeroom has this very lab built in.
    CheckBuiltIn,
    /// They can, and need the lab's folder.
    CheckOwnLab,
}

impl Condition {
    const ALL: [(&'static str, Self); 7] = [
        ("[!console]", Self::Console),
        ("[!no-console]", Self::NoConsole),
        ("[!keys]", Self::Keys),
        ("[!signed]", Self::Signed),
        ("[!check]", Self::Check),
        ("[!check-built-in]", Self::CheckBuiltIn),
        ("[!check-own-lab]", Self::CheckOwnLab),
    ];
}

/// A handout before it is filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct HandoutTemplate {
    file: String,
    elements: Vec<Element<Directive>>,
}

/// Reads the handout of a bundle, and compiles each of its texts.
pub(super) fn read(
    manifest: &Manifest,
    files: &Files,
    templates: &mut Templates,
    problems: &mut Problems,
) -> HandoutTemplate {
    let short;
    let (file, source) = match &manifest.handout {
        None => {
            short = of_its_own(manifest);
            (
                "the handout of labs that have none".to_owned(),
                short.as_str(),
            )
        }
        Some(HandoutEntry { template }) => {
            let path = format!("templates/{template}");
            let Some(bytes) = files.get(&path) else {
                let cause = format!("[handout]: template = {template:?}: there is no file {path}");
                problems.add(MANIFEST, cause);
                return HandoutTemplate::default();
            };
            match std::str::from_utf8(bytes) {
                Ok(source) => (path, source),
                Err(error) => {
                    problems.add(path, format!("is not UTF-8: {error}"));
                    return HandoutTemplate::default();
                }
            }
        }
    };
    let (elements, found) = parse::HandoutParser::parse(source, manifest, templates);
    for (line, problem) in found {
        problems.add(format!("{file}, line {line}"), problem);
    }
    HandoutTemplate { file, elements }
}

/// The handout of a lab that has none: what the lab gives its students besides its checks, each in a block.
fn of_its_own(manifest: &Manifest) -> String {
    let routes = manifest.apis.iter().flat_map(|api| {
        let plain = api.routes.iter().filter(|route| !route.path.contains('{'));
        plain.map(|route| (&api.id, &route.method, &route.path))
    });
    let (mut sent, mut asked) = (Vec::new(), Vec::new());
    for (api, method, path) in routes {
        let words = format!("api={api} method={method} path={path}");
        match &**method {
            "POST" | "PUT" | "PATCH" => sent.push(words),
            "GET" => asked.push(format!("```request {words}\n```\n")),
            _ => {}
        }
    }
    let payloads = manifest
        .payloads
        .iter()
        .map(|payload| match sent.as_slice() {
            [route] => format!("```request payload={} {route}\n```\n", payload.id),
            _ => format!("```input payload={}\n```\n", payload.id),
        });
    let blocks: Vec<String> = payloads.chain(asked).collect();
    if blocks.is_empty() {
        return DEFAULT.replace("{examples}\n\n", "");
    }
    let examples = format!("## Examples to use\n\n{}", blocks.join("\n"));
    DEFAULT.replace("{examples}\n", &examples)
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
    /// Fills the handout in for a made-up student: a handout that names what the lab does not have is refused when the
    /// lab is read.
    pub(super) fn try_handout(&self, problems: &mut Problems) {
        let (Ok(class), Ok(username)) = ("class".parse::<ClassName>(), "student1".parse()) else {
            return;
        };
        let scope = Scope::of_nobody(self.region());
        let student = Student::unknown(username);
        let apis = self.stand_in_apis(&student.username);
        let access = StudentAccess {
            sign_in_url: Some("https://123456789012.signin.example/console".to_owned()),
            has_keys: true,
        };
        if let Err(failure) = self.handout(&scope, &class, &student, &apis, &access) {
            problems.add(failure.subject, failure.cause).hint = failure.hint;
        }
    }

    /// A student's handout. `apis` (by API name) has those of the student's APIs that are deployed.
    ///
    /// # Errors
    /// An API that is not deployed. A text that names a column that this roster does not have.
    pub fn handout(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
        access: &StudentAccess,
    ) -> Result<FilledHandout, Box<Failure>> {
        self.deployed(student, apis)?;
        let mut context = ClassContext::new(self, scope, class).student(student, apis);
        let sign_in = access.sign_in_url.as_deref();
        context.insert("sign_in_url", sign_in.unwrap_or_default());
        let filler = Filler {
            lab: self,
            context,
            scope,
            student,
            apis,
            access,
        };
        let outputs = self.outputs(scope, class, student, apis).into_iter();
        // Where the lab has no handout, nothing else shows what is no address.
        let has_none = self.manifest.handout.is_none();
        let outputs = outputs.filter(|output| {
            let is_text = link(&output.value).is_none();
            filler.leads_somewhere(&output.value) || (has_none && is_text)
        });
        let addresses = outputs.map(|output| HandoutAddress {
            opens: filler.opens(&output.value),
            label: output.label,
            value: output.value,
        });
        Ok(FilledHandout {
            elements: filler.elements(&self.handout.elements)?,
            addresses: addresses.collect(),
        })
    }

    /// What a student is given of the addresses of their APIs, in the lab's order.
    ///
    /// # Errors
    /// An API that is not deployed.
    pub(crate) fn api_addresses(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Result<Vec<String>, Box<Failure>> {
        self.deployed(student, apis)?;
        let mut given = self.outputs(scope, class, student, apis);
        given.retain(|output| apis.values().any(|api| output.value.starts_with(&api.url)));
        Ok(given.into_iter().map(|output| output.value).collect())
    }

    fn deployed(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Result<(), Box<Failure>> {
        let Some(missing) = self.missing_api(student, apis) else {
            return Ok(());
        };
        let cause = format!("the {missing} is not there, so there is nothing yet to hand out");
        let hint = "deploy this student's stack, then run this command again";
        Err(Box::new(Failure::new("stack", cause).hint(hint)))
    }
}

struct Filler<'a> {
    lab: &'a Lab,
    context: Context,
    scope: &'a Scope,
    student: &'a Student,
    apis: &'a BTreeMap<String, ApiEndpoint>,
    access: &'a StudentAccess,
}

impl Filler<'_> {
    fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Console => self.access.sign_in_url.is_some(),
            Condition::NoConsole => self.access.sign_in_url.is_none(),
            Condition::Keys => self.access.has_keys,
            Condition::Check => self.can_check(),
            Condition::CheckBuiltIn => self.can_check() && self.lab.is_built_in(),
            Condition::CheckOwnLab => self.can_check() && !self.lab.is_built_in(),
            Condition::Signed => self.apis.keys().any(|api| self.signature(api).is_some()),
        }
    }

    fn can_check(&self) -> bool {
        self.access.has_keys && self.access.sign_in_url.is_some()
    }

    /// Whether a student can follow a link: one into the console leads nowhere where there is no console.
    fn leads_somewhere(&self, url: &str) -> bool {
        let to_console = || url.starts_with(&self.scope.console());
        link(url).is_some() && (self.access.sign_in_url.is_some() || !to_console())
    }

    /// Whether a browser gets an answer at a link. An API has one for it only where a route takes a GET that nobody signs; the
    /// others refuse it.
    fn opens(&self, url: &str) -> bool {
        let own = |(name, api): (&String, &ApiEndpoint)| {
            let path = url.strip_prefix(&api.url)?.split(['?', '#']).next()?;
            let mut entries = self.lab.manifest.apis.iter();
            let entry = entries.find(|it| it.pattern.name(&self.student.username) == *name)?;
            let mut routes = entry.routes.iter();
            let takes_get =
                routes.any(|it| it.path == path && ["GET", "ANY"].contains(&&*it.method));
            Some(takes_get && self.signature(name).is_none())
        };
        self.leads_somewhere(url) && self.apis.iter().find_map(own).unwrap_or(true)
    }

    fn signature(&self, api: &str) -> Option<String> {
        self.lab.signature(api, self.scope, &self.student.username)
    }

    /// A text as its template makes it, not yet cleaned.
    fn filled(&self, text: &str) -> Result<String, Box<Failure>> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        let filled = self.lab.templates.text(&key(text), &self.context);
        filled.map_err(|cause| {
            let hint = "a column that only some rosters have needs a filter: {{ student.team | default(value=\"\") }}";
            Box::new(Failure::new(&self.lab.handout.file, cause).hint(hint))
        })
    }

    fn text(&self, text: &str) -> Result<String, Box<Failure>> {
        Ok(clean(&self.filled(text)?).into_owned())
    }

    fn elements(&self, templates: &[Element<Directive>]) -> Result<Vec<Element>, Box<Failure>> {
        let mut filled = Vec::with_capacity(templates.len());
        let mut templates = templates.iter();
        let mut in_dead_link = false;
        while let Some(template) = templates.next() {
            let event = match template {
                Element::Block(Directive::Only(condition)) => {
                    if !self.holds(*condition) {
                        skip_quotation(&mut templates);
                    }
                    continue;
                }
                Element::Block(block) => {
                    filled.extend(self.block(block)?.map(Element::Block));
                    continue;
                }
                Element::Markdown(event) => event,
            };
            let event = match event {
                Event::Text(text) => {
                    let text = self.text(text)?;
                    // A dead link's text joins the text before it, since a writer must escape both as one.
                    if let Some(Element::Markdown(Event::Text(before))) = filled.last_mut() {
                        *before = format!("{before}{text}").into();
                        continue;
                    }
                    Event::Text(text.into())
                }
                Event::Code(text) => Event::Code(self.text(text)?.into()),
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let url = self.filled(dest_url)?;
                    in_dead_link = !self.opens(&url);
                    if in_dead_link {
                        continue;
                    }
                    Event::Start(parse::inline_link(url))
                }
                Event::End(TagEnd::Link) if in_dead_link => continue,
                event => event.clone(),
            };
            filled.push(Element::Markdown(event));
        }
        Ok(filled)
    }

    fn block(&self, directive: &Directive) -> Result<Option<HandoutBlock>, Box<Failure>> {
        Ok(match directive {
            // `elements` handles it.
            Directive::Only(_) => None,
            Directive::Text(text) => Some(HandoutBlock::Text {
                title: String::new(),
                text: lines(&self.filled(text)?),
            }),
            Directive::Commands { bash, powershell } => Some(HandoutBlock::Commands {
                title: String::new(),
                bash: self.command(bash, Shell::Bash)?,
                powershell: self.command(powershell, Shell::PowerShell)?,
            }),
            Directive::Request {
                payload,
                times,
                route,
            } => self.request(payload.as_deref(), route).map(|request| {
                let title = clean(&request.title).into_owned();
                match link(&request.url) {
                    // Without a valid address there is no command to send it.
                    None => HandoutBlock::Text {
                        title,
                        text: lines(&request.body),
                    },
                    Some(_) => HandoutBlock::Commands {
                        title,
                        bash: Shell::Bash.requests(&request, *times),
                        powershell: Shell::PowerShell.requests(&request, *times),
                    },
                }
            }),
            Directive::Input { payload } => {
                let found = self.payload(payload);
                found.map(|(title, text)| HandoutBlock::Text {
                    title: clean(title).into_owned(),
                    text: lines(&text),
                })
            }
            Directive::Flow(steps) => {
                let steps = steps.iter().map(|step| {
                    Ok(FlowStep {
                        name: self.text(&step.name)?,
                        about: self.text(&step.about)?,
                    })
                });
                Some(HandoutBlock::Flow {
                    steps: steps.collect::<Result<_, Box<Failure>>>()?,
                })
            }
            Directive::Checks { hints } => Some(HandoutBlock::Checks { hints: *hints }),
        })
    }

    /// A command's own words as they are, values as quoted words.
    fn command(&self, parts: &[CommandPart], shell: Shell) -> Result<String, Box<Failure>> {
        let words = parts.iter().map(|part| match part {
            CommandPart::Fixed(text) => Ok(text.clone()),
            CommandPart::Value(value) => Ok(shell.quoted(&self.filled(value)?)),
        });
        words.collect()
    }

    /// A payload's title and text.
    fn payload(&self, id: &str) -> Option<(&str, String)> {
        let mut payloads = self.lab.manifest.payloads.iter();
        let payload = payloads.find(|payload| payload.id == id)?;
        let text = self.lab.templates.file(&payload.template, &self.context);
        Some((&payload.title, text.ok()?))
    }

    /// A payload, or nothing, sent to a route of an API that is deployed.
    fn request(&self, payload: Option<&str>, route: &RouteRef) -> Option<ExampleRequest> {
        let target = format!("{} {}", route.method, route.path);
        let (title, body) = match payload {
            Some(payload) => self
                .payload(payload)
                .map(|(title, body)| (title.to_owned(), body))?,
            None => (target.clone(), String::new()),
        };
        let api = self.lab.api_name(&route.api, &self.student.username)?;
        Some(ExampleRequest {
            id: payload.unwrap_or(&target).to_owned(),
            title,
            method: route.method.clone(),
            url: format!("{}{}", self.apis.get(&api)?.url, route.path),
            body,
            sigv4: self.signature(&api),
        })
    }
}

/// Skips the quotation that comes next.
fn skip_quotation<'a>(elements: &mut impl Iterator<Item = &'a Element<Directive>>) {
    let mut depth = 0;
    for element in elements {
        match element {
            Element::Markdown(Event::Start(Tag::BlockQuote(_))) => depth += 1,
            Element::Markdown(Event::End(TagEnd::BlockQuote(_))) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
