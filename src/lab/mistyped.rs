//! Every mistake of a manifest's keys and types at once. A parser stops at the first one, so each is told and then put right
//! in a copy of the text, as far as that goes, until the copy parses.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;

use crate::lab::model::{MANIFEST, Manifest, Rehearsal, line_of};
use crate::text::failure::Failure;

/// Rounds at most: every mistake takes one or two.
const ROUNDS: usize = 200;

/// Of these the parser names the first one, whichever is wrong.
const STEP: &str = "[[rehearsal.step]]";

/// A manifest of steps alone.
#[derive(Deserialize)]
struct StepsAlone {
    #[expect(dead_code, reason = "only whether it can be read matters")]
    rehearsal: Rehearsal,
}

/// What became of a manifest's text.
pub(super) struct ReadManifest {
    /// `None` where nothing can be said of what it holds.
    pub(super) manifest: Option<Manifest>,
    pub(super) mistakes: Vec<Failure>,
    /// Where a stand-in is in the place of what could not be read: the entry (`[[function]] "greet"`) and the key. What else is
    /// found wrong there need not be true.
    pub(super) mended: BTreeSet<(String, String)>,
}

pub(super) fn read(text: &str) -> ReadManifest {
    let mut copy = MendedText {
        text: text.to_owned(),
        added: Vec::new(),
        mended: BTreeSet::new(),
        is_whole: true,
    };
    let (mut mistakes, mut manifest) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        let error = match Manifest::parse(&copy.text) {
            Ok(read) => {
                manifest = copy.is_whole.then_some(read);
                break;
            }
            Err(error) => error,
        };
        let message = error.message().trim();
        let Some(span) = error.span() else {
            mistakes.push(Failure::new(MANIFEST, message));
            break;
        };
        let (told, goes_on) = copy.mend(span, message);
        mistakes.extend(told);
        if !goes_on {
            break;
        }
    }
    let line = |failure: &Failure| {
        let (_, line) = failure.subject.rsplit_once("line ")?;
        line.parse::<usize>().ok()
    };
    mistakes.sort_by_key(line);
    ReadManifest {
        manifest,
        mistakes,
        mended: copy.mended,
    }
}

/// The text with its mistakes put right so far.
struct MendedText {
    text: String,
    /// Lines that were added, by their present number.
    added: Vec<usize>,
    mended: BTreeSet<(String, String)>,
    /// Whether no entry was taken out.
    is_whole: bool,
}

/// A table of the text: from its header to the next one.
struct ManifestPart {
    /// `[[function]]`, or `[lab]`.
    header: String,
    /// With its id: `[[function]] "greet"`.
    label: String,
    range: Range<usize>,
}

impl MendedText {
    /// Tells a mistake and puts it right; `false` where nothing more can be read.
    fn mend(&mut self, span: Range<usize>, message: &str) -> (Vec<Failure>, bool) {
        let line = line_of(&self.text, span.start);
        let place = format!("{MANIFEST}, line {}", self.original(line));
        let is_added = self.added.contains(&line);
        let Some(section) = self.section(span.start) else {
            return (vec![Failure::new(place, message)], false);
        };
        if section.header == STEP {
            return self.mend_steps();
        }
        if let Some(key) = quoted(message, "unknown field `") {
            let hint = replacement(message).map(str::to_owned);
            let mistake = Failure {
                hint,
                ..Failure::new(place, message)
            };
            let goes_on = self.without_line(line, key) || self.without(&section);
            return (vec![mistake], goes_on);
        }
        let at_header = self.line(line).trim_start().starts_with('[');
        if let Some(key) = quoted(message, "missing field `") {
            let cause = format!("{}: missing field `{key}`", section.label);
            let hint = format!("add a line: {key} = …");
            let key = key.to_owned();
            self.mended.insert((section.label.clone(), key.clone()));
            let goes_on = match at_header && self.text[span.clone()].starts_with(&section.header) {
                true => {
                    self.add_line(line, &format!("{key} = 0"));
                    true
                }
                false => self.without(&section),
            };
            return (vec![Failure::new(place, cause).hint(hint)], goes_on);
        }
        let value = self.text[span.clone()].to_owned();
        let is_value = !at_header && !value.starts_with('{') && !message.contains("TOML parse");
        if !is_value {
            // Of a table with a kind the parser does not say where in it the mistake is.
            let mut mended = self.mended.iter();
            let is_mended = mended.any(|(entry, _)| *entry == section.label);
            let told = !(message.contains("integer `0`") && is_mended);
            let mistake = told.then(|| Failure::new(place, message));
            return (mistake.into_iter().collect(), self.without(&section));
        }
        let Some(mending) = Mending::of(&value, message) else {
            return (vec![Failure::new(place, message)], self.without(&section));
        };
        let key = key_of(&self.text[..span.start]);
        let said = match key {
            Some(key) => format!("{key} = {value}"),
            None => value.clone(),
        };
        let mut mistake =
            Failure::new(place, format!("{}: {said}: {}", section.label, mending.why));
        mistake.hint = mending.meant.as_ref().map(|meant| match key {
            Some(key) => format!("write {key} = {meant}"),
            None => format!("write {meant}"),
        });
        if mending.meant.is_none() {
            if key == Some("id") || self.text[span.clone()] == mending.stand_in {
                return (vec![mistake], self.without(&section));
            }
            let key = key.unwrap_or_default().to_owned();
            self.mended.insert((section.label, key));
        }
        let lines = "\n".repeat(value.matches('\n').count());
        let stand_in = mending.meant.unwrap_or(mending.stand_in);
        self.text.replace_range(span, &format!("{stand_in}{lines}"));
        ((!is_added).then_some(mistake).into_iter().collect(), true)
    }

    /// Tells what is wrong with every step that cannot be read, and takes these out.
    fn mend_steps(&mut self) -> (Vec<Failure>, bool) {
        let starts = self.text.match_indices(STEP);
        let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
        let (mut mistakes, mut wrong) = (Vec::new(), Vec::new());
        for (index, at) in starts.into_iter().enumerate() {
            let Some(section) = self.section(at) else {
                continue;
            };
            let Err(error) = toml::from_str::<StepsAlone>(&self.text[section.range.clone()]) else {
                continue;
            };
            let line = self.original(line_of(&self.text, at));
            let cause = format!("{STEP} {}: {}", index + 1, error.message().trim());
            mistakes.push(Failure::new(format!("{MANIFEST}, line {line}"), cause));
            wrong.push(section);
        }
        let goes_on = !wrong.is_empty();
        for section in &wrong {
            self.without(section);
        }
        (mistakes, goes_on)
    }

    /// The number that a line has in the file.
    fn original(&self, line: usize) -> usize {
        line - self.added.iter().filter(|added| **added <= line).count()
    }

    fn line(&self, line: usize) -> &str {
        self.text.split('\n').nth(line - 1).unwrap_or_default()
    }

    /// The table that a place stands in; a sub-table counts to its entry.
    fn section(&self, at: usize) -> Option<ManifestPart> {
        let mut begin = None;
        let mut end = self.text.len();
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            let header = line.trim();
            let name = header.trim_start_matches('[');
            // `[function.environment]` and `[[api.route]]` belong to the entry above.
            let is_entry = header.starts_with('[')
                && !name
                    .split(']')
                    .next()
                    .is_some_and(|name| name.contains('.'));
            let is_entry = is_entry || header.starts_with("[[rehearsal.");
            if is_entry && offset <= at {
                begin = Some((
                    offset,
                    header
                        .split_inclusive(']')
                        .take(if header.starts_with("[[") { 2 } else { 1 })
                        .collect::<String>(),
                ));
            } else if is_entry {
                end = offset;
                break;
            }
            offset += line.len();
        }
        let (start, header) = begin?;
        let ids = self.text[start..end].lines().filter_map(|line| {
            let rest = line.strip_prefix("id")?.trim_start();
            let text = rest.strip_prefix('=')?.trim();
            Some(text.trim_matches(['"', '\'']).to_owned())
        });
        let label = match ids.into_iter().next() {
            Some(id) if header.starts_with("[[") => format!("{header} {id:?}"),
            _ => header.clone(),
        };
        Some(ManifestPart {
            header,
            label,
            range: start..end,
        })
    }

    /// Takes an entry out. Of a table that stands alone nothing would be left to read.
    fn without(&mut self, section: &ManifestPart) -> bool {
        if !section.header.starts_with("[[") {
            return false;
        }
        self.is_whole = false;
        let lines = self.text[section.range.clone()].matches('\n').count();
        self.text
            .replace_range(section.range.clone(), &"\n".repeat(lines));
        true
    }

    /// Takes a key out that has a line of its own.
    fn without_line(&mut self, line: usize, key: &str) -> bool {
        let mut lines: Vec<&str> = self.text.split('\n').collect();
        let rest = lines[line - 1].trim_start().strip_prefix(key);
        if !rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return false;
        }
        lines[line - 1] = "";
        let rest = lines.join("\n");
        // A value over several lines leaves a rest that is no TOML.
        let is_toml = toml::from_str::<toml::Table>(&rest).is_ok();
        if is_toml {
            self.text = rest;
        }
        is_toml
    }

    fn add_line(&mut self, after: usize, line: &str) {
        let mut lines: Vec<&str> = self.text.split('\n').collect();
        lines.insert(after, line);
        self.text = lines.join("\n");
        let moved = self.added.iter_mut().filter(|added| **added > after);
        moved.for_each(|added| *added += 1);
        self.added.push(after + 1);
    }
}

/// How a value of a wrong type is put right.
struct Mending {
    why: String,
    /// What was certainly meant, as TOML.
    meant: Option<String>,
    /// A value of the right type.
    stand_in: String,
}

impl Mending {
    /// Source of the messages: serde's `Error::invalid_type` and its like.
    fn of(value: &str, message: &str) -> Option<Self> {
        if message.starts_with("unknown variant `") {
            let (_, known) = message.split_once("expected ")?;
            let first = known.split('`').nth(1)?;
            return Some(Self {
                why: format!(
                    "it is none of those known here: {}",
                    known.trim_start_matches("one of ").replace('`', "\"")
                ),
                meant: None,
                stand_in: format!("{first:?}"),
            });
        }
        let expected = message
            .rsplit_once("expected ")
            .map(|(_, expected)| expected);
        let text = value
            .strip_prefix(['"', '\''])
            .and_then(|rest| rest.strip_suffix(['"', '\'']));
        let Some(expected) = expected else {
            // A type with words of its own.
            return Some(Self {
                why: message.to_owned(),
                meant: None,
                stand_in: match text {
                    Some(_) => "0".to_owned(),
                    None => "\"\"".to_owned(),
                },
            });
        };
        let is_value_of_type = message.starts_with("invalid value");
        let whole = [
            "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize",
        ];
        let (wanted, meant, stand_in) = if whole.contains(&expected) || expected.contains("number")
        {
            let meant = text.and_then(|text| text.trim().parse::<i64>().ok());
            let wanted = match is_value_of_type {
                true if expected.starts_with('u') => "a whole number from 0 on",
                true => "a smaller whole number",
                false => "a whole number, without quotes",
            };
            (wanted, meant.map(|number| number.to_string()), "0")
        } else if expected == "a boolean" {
            let meant = text.filter(|text| ["true", "false"].contains(text));
            (
                "true or false, without quotes",
                meant.map(str::to_owned),
                "false",
            )
        } else if expected == "a sequence" {
            let one = !value.starts_with(['[', '{']);
            ("a list: [ ]", one.then(|| format!("[{value}]")), "[]")
        } else if expected == "a string" {
            let plain = value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.+_".contains(c));
            (
                "a text, in quotes",
                plain.then(|| format!("{value:?}")),
                "\"\"",
            )
        } else if expected == "a map" || expected.starts_with("struct ") {
            ("a table: { }", None, "{}")
        } else {
            return None;
        };
        Some(Self {
            why: format!("it must be {wanted}"),
            meant,
            stand_in: stand_in.to_owned(),
        })
    }
}

/// The key whose value begins where this text ends.
fn key_of(before: &str) -> Option<&str> {
    let line = before.rsplit('\n').next()?;
    let line = line.trim_end().strip_suffix('=')?.trim_end();
    let key = line.rsplit(['{', ',', ' ']).next()?;
    (!key.is_empty()).then_some(key)
}

/// What stands between the beginning and the next backtick.
fn quoted<'a>(message: &'a str, beginning: &str) -> Option<&'a str> {
    message.strip_prefix(beginning)?.split('`').next()
}

/// What to write in the place of a key that labs of earlier versions have.
fn replacement(message: &str) -> Option<&'static str> {
    let unknown = |key: &str| message.contains(&format!("unknown field `{key}`"));
    if unknown("api_input") {
        Some(
            "anybody can type an input: name the log line that proves a start by the API, as api_log = { function = \"…\", line = { \"/message\" = \"…\" }, execution = \"/…\" }",
        )
    } else if unknown("homeroom_name_prefixes") || unknown("homeroom_input") {
        Some(
            "anybody can type a word: put {{ nonce }} into what the probes send, and the places where the execution's input keeps it into nonce_in = [\"/…\"]",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lab that `lab new` writes, with changes: what is said, each with its line's text.
    fn said(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut files = crate::lab::bundle::starter();
        let mut text = String::from_utf8(files[MANIFEST].clone()).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        files.insert(MANIFEST.to_owned(), text.clone().into_bytes());
        let found = crate::lab::Lab::proofread(&files).problems.into_iter();
        let said = found.map(|failure| {
            let line = failure.subject.rsplit("line ").next().unwrap();
            let line: usize = line.parse().unwrap_or_else(|_| panic!("{failure:?}"));
            let line = text.lines().nth(line - 1).unwrap().to_owned();
            let hint = failure
                .hint
                .map_or_else(String::new, |hint| format!(" ({hint})"));
            (line, format!("{}{hint}", failure.cause))
        });
        said.collect()
    }

    fn assert_said(found: &[(String, String)], expected: &[(&str, &str)]) {
        for (line, words) in expected {
            let told = found
                .iter()
                .any(|(at, said)| at.contains(line) && said.contains(words));
            assert!(told, "{line}: {words}: {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }

    #[test]
    fn mistakes_of_types_are_told_at_once_beside_all_others() {
        let found = said(&[
            ("minutes = 20", "minutes = \"20\""),
            ("timeout_s = 10", "timeout_s = \"1000\""),
            (
                "memory_mib = 128\n",
                "memory_mib = \"much\"\ntracing = \"true\"\nlayers = \"a\"\n",
            ),
            ("type = \"STANDARD\"", "type = \"standard\""),
            ("nonce_in = [\"/nonce\"]", "nonce_in = \"/nonce\""),
            ("points = 60", "points = 60\npionts = 6"),
            ("GREETING = \"{{ settings.greeting }}\"", "GREETING = 1"),
            ("deadline_s = 120", "deadline_s = 0"),
            ("handler = \"app.main\"", "handler = \"app.maim\""),
        ]);
        assert_said(
            &found,
            &[
                (
                    "minutes",
                    "it must be a whole number, without quotes (write minutes = 20)",
                ),
                (
                    "timeout_s = \"1000\"",
                    "[[function]] \"greet\": timeout_s = \"1000\": it must be a whole number",
                ),
                (
                    "memory_mib",
                    "memory_mib = \"much\": it must be a whole number, without quotes",
                ),
                ("tracing", "(write tracing = true)"),
                ("layers", "it must be a list: [ ] (write layers = [\"a\"])"),
                (
                    "id = \"greet\"",
                    "app.py has no maim; it defines main; did you mean 'main'?",
                ),
                ("id = \"greet\"", "timeout_s = 1000 is not from 1 to 900"),
                ("id = \"greet\"", "layers.0 is \"a\", not the ARN"),
                (
                    "standard",
                    "it is none of those known here: \"STANDARD\" or \"EXPRESS\"",
                ),
                ("nonce_in", "(write nonce_in = [\"/nonce\"])"),
                ("pionts", "unknown field `pionts`"),
                ("GREETING", "(write GREETING = \"1\")"),
                ("id = \"greets\"", "deadline_s = 0 leaves no time to look"),
            ],
        );
    }

    #[test]
    fn what_is_missing_is_told_with_all_else() {
        let found = said(&[
            ("timeout_s = 10\n", ""),
            ("role = \"worker\"\n", ""),
            ("label = \"Your workflow in the console\"\n", ""),
            (
                "state_machine = \"greetings\"\nname = \"second\"",
                "name = \"second\"",
            ),
            (
                "kind = \"executions\", state_machine",
                "kind = \"executions\", count = \"3\", state_machine",
            ),
            ("id = \"failed\"", "id = true"),
        ]);
        assert_said(
            &found,
            &[
                (
                    "[[function]]",
                    "[[function]] \"greet\": missing field `timeout_s` (add a line: timeout_s = …)",
                ),
                ("[[function]]", "missing field `role`"),
                (
                    "[[output]]",
                    "[[output]] \"workflow\": missing field `label`",
                ),
                (
                    "[[rehearsal.step]]",
                    "[[rehearsal.step]] 2: missing field `state_machine`",
                ),
                ("proof = ", "invalid type: string \"3\", expected u32"),
                (
                    "id = true",
                    "id = true: it must be a text, in quotes (write id = \"true\")",
                ),
            ],
        );
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let found = said(&[("minutes = 20", "minutes = = 20")]);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "minutes = = 20"));
    }
}
