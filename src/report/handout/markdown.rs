//! A handout as Markdown: CommonMark with tables, as GitHub, GitLab, Moodle and editors show it. Everything is an event,
//! which `pulldown-cmark-to-cmark` escapes and writes. `docs/decisions.md` says what is added to that.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Tag, TagEnd};
use pulldown_cmark_to_cmark::{Error, Options, SUPPORTED_PARSER_OPTIONS, cmark_with_options};

use super::sheet::{Fact, Sheet, TaskRow};
use super::{HandoutClass, StudentHandout};
use crate::lab::content::{Element, FlowStep, HandoutBlock};

type Events = Vec<Event<'static>>;

pub(super) fn document(
    class: &HandoutClass<'_>,
    one: &StudentHandout<'_>,
) -> Result<String, Error> {
    let mut events = head(&Sheet::of(class, one));
    let mut points = None;
    for element in &one.handout.elements {
        match element {
            Element::Block(block) => events.extend(spelled_out(class, block)),
            Element::Markdown(Event::Start(Tag::Heading { level, id, .. })) => {
                if *level == HeadingLevel::H2 {
                    points = class.points_of(id.as_deref());
                }
                events.push(Event::Start(heading(*level)));
            }
            Element::Markdown(event @ Event::End(TagEnd::Heading(_))) => {
                events.extend(points.take().map(|points| text(&format!(" ({points})"))));
                events.push(event.clone());
            }
            Element::Markdown(event) => events.push(event.clone()),
        }
    }
    written(events)
}

fn head(sheet: &Sheet) -> Events {
    let mut whose = vec![text("For "), code(&sheet.username)];
    let mut and = |words: String| whose.push(text(&format!(", {words}")));
    if !sheet.name.is_empty() {
        and(sheet.name.clone());
    }
    if !sheet.section.is_empty() {
        and(format!("section {}", sheet.section));
    }
    and(format!("class {}", sheet.class));
    and(format!("about {} minutes", sheet.minutes));
    let mut events = within(heading(HeadingLevel::H1), [text(&sheet.lab_title)]);
    events.extend(within(Tag::Paragraph, whose));
    if !sheet.ends.is_empty() {
        events.extend(paragraph([text(&sheet.ends)]));
    }
    if sheet.secret {
        let warning = "This page contains your password or your keys. Show it to nobody.";
        events.extend(paragraph(within(Tag::Strong, [text(warning)])));
    }
    let facts = sheet.facts.iter().map(|fact| {
        let Fact { label, value, .. } = fact;
        let value = match fact.link {
            true => autolink(value),
            false => vec![code(value)],
        };
        vec![vec![text(label)], value]
    });
    events.extend(table(&["Yours", ""], facts));
    events
}

/// One of homeroom's own blocks, in Markdown.
fn spelled_out(class: &HandoutClass<'_>, block: &HandoutBlock) -> Events {
    let mut events = Events::new();
    match block {
        HandoutBlock::Text { title, text: block } => {
            if !title.is_empty() {
                events.extend(paragraph([text(&format!("{title}:"))]));
            }
            events.extend(fenced("", block));
        }
        HandoutBlock::Commands {
            title,
            bash,
            powershell,
        } => {
            if !title.is_empty() {
                events.extend(paragraph(within(Tag::Strong, [text(title)])));
            }
            let mut command = |label: &str, language: &'static str, command: &str| {
                if !command.is_empty() {
                    events.extend(paragraph([text(label)]));
                    events.extend(fenced(language, command));
                }
            };
            if bash == powershell {
                command("Bash and PowerShell:", "shell", bash);
            } else {
                command("Bash:", "bash", bash);
                command("PowerShell:", "powershell", powershell);
            }
        }
        HandoutBlock::Flow { steps } => {
            let items = steps.iter().flat_map(|FlowStep { name, about }| {
                let mut item = within(Tag::Strong, [text(name)]);
                if !about.is_empty() {
                    item.push(text(&format!(": {about}")));
                }
                within(Tag::Item, item)
            });
            events = within(Tag::List(Some(1)), items);
        }
        HandoutBlock::Checks { hints } => {
            let (tasks, total) = class.tasks();
            let row = |task: TaskRow<'_>| {
                let hint = match *hints && !task.hint.is_empty() {
                    true => format!(" {}", task.hint),
                    false => String::new(),
                };
                let points = match task.points.as_str() {
                    "" => "–",
                    points => points,
                };
                let title = format!("{}.{hint}", task.title);
                [title.as_str(), points, &task.seen].map(|cell| vec![text(cell)])
            };
            let total = ["All", &total.to_string(), ""].map(|cell| vec![text(cell)]);
            let rows = tasks.into_iter().map(row).chain([total]);
            events = table(&["Task", "Points", "Seen"], rows.map(Vec::from));
        }
    }
    events
}

fn text(words: &str) -> Event<'static> {
    Event::Text(words.to_owned().into())
}

fn code(words: &str) -> Event<'static> {
    Event::Code(words.to_owned().into())
}

fn heading(level: HeadingLevel) -> Tag<'static> {
    Tag::Heading {
        level,
        id: None,
        classes: Vec::new(),
        attrs: Vec::new(),
    }
}

fn within(tag: Tag<'static>, events: impl IntoIterator<Item = Event<'static>>) -> Events {
    let end = Event::End(tag.to_end());
    let mut all = vec![Event::Start(tag)];
    all.extend(events);
    all.push(end);
    all
}

fn paragraph(events: impl IntoIterator<Item = Event<'static>>) -> Events {
    within(Tag::Paragraph, events)
}

fn fenced(language: &'static str, block: &str) -> Events {
    let kind = CodeBlockKind::Fenced(language.into());
    within(Tag::CodeBlock(kind), [text(&format!("{block}\n"))])
}

fn autolink(url: &str) -> Events {
    let url = no_pipe(url);
    let link = Tag::Link {
        link_type: LinkType::Autolink,
        dest_url: url.clone().into(),
        title: "".into(),
        id: "".into(),
    };
    within(link, [text(&url)])
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<Events>>) -> Events {
    let row = |tag, cells: Vec<Events>| {
        let cells = cells.into_iter();
        within(tag, cells.flat_map(|cell| within(Tag::TableCell, cell)))
    };
    let names = head.iter().map(|name| vec![text(name)]);
    let mut events = row(Tag::TableHead, names.collect());
    events.extend(rows.flat_map(|cells| row(Tag::TableRow, cells)));
    within(Tag::Table(vec![Alignment::None; head.len()]), events)
}

/// Stands for a backslash that the library must not escape. No cleaned text contains it.
const BACKSLASH: char = '\u{1}';

/// Writes events. Markdown cannot make some spans strong (`a**(b)**c`): their block loses the emphasis, never its words.
fn written(events: Events) -> Result<String, Error> {
    let events = more_inert(events);
    let options = Options {
        list_token: '-',
        code_block_token_count: 3,
        increment_ordered_list_bullets: true,
        ..Options::default()
    };
    let write = |events: &[Event<'static>]| {
        let events = events.iter();
        let mut out = String::new();
        cmark_with_options(events, &mut out, SUPPORTED_PARSER_OPTIONS, options.clone())?;
        Ok(out)
    };
    let refused = |out: &Result<_, _>| matches!(out, Err(Error::Unrepresentable));
    let mut out = write(&events);
    if refused(&out) {
        out = write(&plainer(&events, |block| refused(&write(block))));
    }
    if refused(&out) {
        out = write(&plainer(&events, |_| true));
    }
    let mut out = out?.replace(BACKSLASH, "\\");
    out.push('\n');
    Ok(out)
}

/// Takes the emphasis out of the outermost blocks that `is_meant` selects.
fn plainer(events: &[Event<'static>], is_meant: impl Fn(&[Event<'static>]) -> bool) -> Events {
    let mut depth = 0_usize;
    let blocks = events.chunk_by(|event, _| {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        depth > 0
    });
    let is_emphasis = |event: &Event<'_>| {
        matches!(
            event,
            Event::Start(Tag::Strong | Tag::Emphasis)
                | Event::End(TagEnd::Strong | TagEnd::Emphasis)
        )
    };
    let mut plain = Events::with_capacity(events.len());
    for block in blocks {
        let meant = is_meant(block);
        let kept = block.iter().filter(|event| !(meant && is_emphasis(event)));
        plain.extend(kept.cloned());
    }
    plain
}

/// Makes inert what the library does not escape: a `:` that would begin a definition, addresses that GitHub makes into
/// links, a `|` in a link inside a table, an empty code span. Removes white space at a block's edges, which an empty
/// value leaves: Markdown has none there, and the library refuses to write it beside emphasis.
fn more_inert(events: Events) -> Events {
    let mut inert = Events::with_capacity(events.len());
    let mut verbatim = false;
    for mut event in events {
        let begins_block = matches!(
            inert.last(),
            Some(Event::Start(
                Tag::Paragraph | Tag::Item | Tag::Heading { .. } | Tag::TableCell
            ))
        );
        match &mut event {
            Event::Text(text) if !verbatim => {
                let words = match begins_block {
                    true => text.trim_start(),
                    false => text,
                };
                if words.is_empty() {
                    continue;
                }
                *text = escaped(words, begins_block).into();
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_) | TagEnd::TableCell,
            ) => {
                if let Some(Event::Text(last)) = inert.last_mut() {
                    match last.trim_end() {
                        "" => drop(inert.pop()),
                        words => *last = words.to_owned().into(),
                    }
                }
            }
            Event::Code(text) if text.trim().is_empty() => continue,
            Event::Start(Tag::CodeBlock(_)) => verbatim = true,
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                ..
            }) => {
                verbatim = *link_type == LinkType::Autolink;
                *dest_url = no_pipe(dest_url).into();
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Link) => verbatim = false,
            _ => {}
        }
        inert.push(event);
    }
    inert
}

fn escaped(text: &str, begins_block: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let definition = c == ':' && begins_block && out.trim().is_empty();
        // `http://` and `www.`
        let address = (c == '/' && out.ends_with(':')) || (c == '.' && out.ends_with(['w', 'W']));
        if definition || address {
            out.push(BACKSLASH);
        }
        out.push(c);
    }
    out
}

fn no_pipe(url: &str) -> String {
    url.replace('|', "%7C")
}

#[cfg(test)]
mod tests;
