//! A handout as Markdown: CommonMark with tables, as GitHub, GitLab, Moodle and editors show it.
//!
//! Text is escaped so that it reads as itself wherever it stands. Each paragraph is one line, so that only its first
//! character can begin something else.

use super::view::{Chapter, Fact, Part, Sheet, Span};

/// The whole document.
pub(super) fn document(sheet: &Sheet) -> String {
    let mut out = Writer::default();
    out.line(&format!("# {}", text(&sheet.lab_title)));
    let mut whose = vec![format!("For {}", code(&sheet.username, false))];
    whose.extend((!sheet.name.is_empty()).then(|| text(&sheet.name)));
    whose.extend((!sheet.section.is_empty()).then(|| format!("section {}", text(&sheet.section))));
    whose.push(format!("class {}", text(&sheet.class)));
    whose.push(format!("about {} minutes", sheet.minutes));
    out.line(&whose.join(", "));
    if sheet.secret {
        out.line("**This page has on it what you sign in with. It is yours alone.**");
    }
    out.rows("| Yours | |\n|---|---|", sheet.facts.iter().map(fact));
    out.parts(&sheet.intro);
    for Chapter {
        title,
        points,
        parts,
        ..
    } in &sheet.chapters
    {
        let points = match points.is_empty() {
            true => String::new(),
            false => format!(" ({points})"),
        };
        out.line(&format!("## {}{points}", spans(title, false)));
        out.parts(parts);
    }
    out.text
}

fn fact(fact: &Fact) -> String {
    let label = match fact.label {
        "" => text(&fact.own_label),
        label => label.to_owned(),
    };
    let value = match fact.link {
        true => format!("<{}>", fact.value.replace('|', "%7C")),
        false => code(&fact.value, true),
    };
    format!("| {label} | {value} |")
}

#[derive(Default)]
struct Writer {
    text: String,
    /// What every line begins with: inside lists and notes.
    indent: String,
    /// What the next line begins with instead, and what the empty line before it does.
    bullet: Option<(String, String)>,
    /// Whether the next lines are the next item of a list of single lines, which stand together.
    tight: bool,
}

impl Writer {
    /// Writes lines, with an empty one before them.
    fn line(&mut self, lines: &str) {
        let (mut first, between) = match self.bullet.take() {
            Some((bullet, before)) => (Some(bullet), before),
            None => (None, self.indent.clone()),
        };
        if !self.text.is_empty() && !std::mem::take(&mut self.tight) {
            self.text.push_str(between.trim_end());
            self.text.push('\n');
        }
        for line in lines.split('\n') {
            let indent = first.take().unwrap_or_else(|| self.indent.clone());
            self.text.push_str(format!("{indent}{line}").trim_end());
            self.text.push('\n');
        }
    }

    fn rows(&mut self, head: &str, rows: impl Iterator<Item = String>) {
        let rows: Vec<String> = std::iter::once(head.to_owned()).chain(rows).collect();
        self.line(&rows.join("\n"));
    }

    /// Writes with every line indented further.
    fn inside(&mut self, first: &str, other: &str, write: impl FnOnce(&mut Self)) {
        let before = self.indent.clone();
        self.bullet = Some((format!("{before}{first}"), before.clone()));
        self.indent.push_str(other);
        write(self);
        self.bullet = None;
        self.indent = before;
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Heading { text } => self.line(&format!("### {}", spans(text, false))),
            Part::Paragraph { text } => self.line(&paragraph(text)),
            Part::List { start, items } => {
                for (i, item) in (0_u64..).zip(items) {
                    let bullet = match start {
                        Some(first) => format!("{}. ", first + i),
                        None => "- ".to_owned(),
                    };
                    let indent = " ".repeat(bullet.len());
                    self.tight = i > 0 && items.iter().all(|item| item.tight);
                    self.inside(&bullet, &indent, |out| out.parts(&item.parts));
                }
            }
            Part::Table { head, rows } => {
                let row = |cells: &[super::view::Cell]| {
                    let cells: Vec<_> = cells.iter().map(|c| spans(&c.text, true)).collect();
                    format!("| {} |", cells.join(" | "))
                };
                let rule = format!("{}\n|{}", row(head), "---|".repeat(head.len()));
                self.rows(&rule, rows.iter().map(|cells| row(cells)));
            }
            Part::Note { parts } => self.inside("> ", "> ", |out| out.parts(parts)),
            Part::Code { label, text: block } => {
                if !label.is_empty() {
                    self.line(&format!("{}:", block_start(&text(label))));
                }
                self.fence("", block);
            }
            Part::Commands {
                title,
                bash,
                powershell,
                same,
            } => {
                if !title.is_empty() {
                    self.line(&format!("**{}**", text(title)));
                }
                if *same {
                    self.line("Bash and PowerShell:");
                    self.fence("shell", bash);
                    return;
                }
                for (label, language, command) in [
                    ("Bash:", "bash", bash),
                    ("PowerShell:", "powershell", powershell),
                ] {
                    if !command.is_empty() {
                        self.line(label);
                        self.fence(language, command);
                    }
                }
            }
            Part::Flow { stations } => {
                for (n, station) in (1..).zip(stations) {
                    self.tight = n > 1;
                    let about = match station.about.is_empty() {
                        true => String::new(),
                        false => format!(": {}", text(&station.about)),
                    };
                    self.line(&format!("{n}. **{}**{about}", text(&station.name)));
                }
            }
            Part::Checks { rows, hints, total } => {
                let rows = rows.iter().map(|task| {
                    let hint = match *hints && !task.hint.is_empty() {
                        true => format!(" {}", text(&task.hint)),
                        false => String::new(),
                    };
                    let title = text(&task.title);
                    let points = match task.points.as_str() {
                        "" => "–",
                        points => points,
                    };
                    format!("| {title}.{hint} | {points} | {} |", text(&task.seen))
                });
                let total = std::iter::once(format!("| All | {total} | |"));
                self.rows("| Task | Points | Seen |\n|---|---|---|", rows.chain(total));
            }
        }
    }

    /// A block that nothing in it can end.
    fn fence(&mut self, language: &str, block: &str) {
        let ticks = "`".repeat(longest_run(block).max(2) + 1);
        self.line(&format!("{ticks}{language}\n{block}\n{ticks}"));
    }
}

fn paragraph(of: &[Span]) -> String {
    block_start(&spans(of, false))
}

fn spans(of: &[Span], in_table: bool) -> String {
    of.iter()
        .map(|span| match span {
            Span::Text { text: words } => text(words),
            Span::Code { text } => code(text, in_table),
            Span::Strong { of } => format!("**{}**", spans(of, in_table)),
            Span::Emphasis { of } => format!("*{}*", spans(of, in_table)),
            Span::Link { url, of } => {
                let url = url.replace('|', "%7C");
                format!("[{}](<{url}>)", spans(of, in_table))
            }
        })
        .collect()
}

/// Text that reads as itself: what Markdown, and GitHub's addresses without any marks around them, are made of is
/// escaped.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut before = ' ';
    for c in words.chars() {
        let special = matches!(
            c,
            '\\' | '`'
                | '*'
                | '_'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
                | '|'
                | '~'
                | '^'
                | '&'
                | '$'
                | '!'
        );
        // `http://` and `www.`
        let address = (c == '/' && before == ':') || (c == '.' && matches!(before, 'w' | 'W'));
        if special || address {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// A line that begins nothing but a paragraph.
fn block_start(line: &str) -> String {
    let line = line.trim_start();
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    if line.starts_with(['#', '+', '-', '=', ':']) {
        return format!("\\{line}");
    }
    if digits > 0 && line[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &line[..digits], &line[digits..]);
    }
    line.to_owned()
}

/// A code span that nothing in it can end.
fn code(words: &str, in_table: bool) -> String {
    let words = match in_table {
        true => words.replace('|', "\\|"),
        false => words.to_owned(),
    };
    if words.trim().is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&words) + 1);
    let room = match words.starts_with(['`', ' ']) || words.ends_with(['`', ' ']) {
        true => " ",
        false => "",
    };
    format!("{ticks}{room}{words}{room}{ticks}")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
