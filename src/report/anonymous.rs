//! The class for a projector: pseudonyms for people, and nothing that identifies them.
//!
//! There are two rules. What a student or the roster may have written (names, inputs, execution names, evidence, outputs,
//! differences) is left out: no search finds a first name in a free text for certain. What homeroom and AWS say about a
//! broken stack or a failed reading stays, because the instructor needs it, without the identifying strings of the class.
//!
//! Pseudonyms are a keyed hash (HMAC-SHA-256, RFC 2104) of class and username. The key is random and stays in the class's
//! folder: so pseudonyms are the same in every report, and nobody can compute them without the key. Rows are in the order
//! of the pseudonyms, because the roster's order would identify everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::evidence::check::{CheckResult, Verdict};
use crate::files::{class_dir, kept_key};
use crate::ids::{ClassName, Username};
use crate::lab::check::Work;
use crate::roster::Student;
use crate::stack::diff::Change;
use crate::stack::kinds::Gap;

use super::document::{Account, Document, Move, PlaceStamp, Proposing, ReportStudent, Since};
use super::left;
use super::scrub::Scrub;

const ADJECTIVES: [&str; 40] = [
    "amber", "bold", "brave", "breezy", "bright", "calm", "clever", "coral", "cosmic", "cosy",
    "crisp", "dapper", "eager", "early", "easy", "fair", "fancy", "gentle", "golden", "happy",
    "hazel", "honest", "jolly", "keen", "kind", "lively", "lucky", "mellow", "merry", "mighty",
    "misty", "nimble", "polite", "proud", "quick", "quiet", "silver", "sunny", "swift", "witty",
];
const ANIMALS: [&str; 40] = [
    "badger", "beaver", "bison", "camel", "condor", "crane", "dolphin", "eagle", "egret", "falcon",
    "ferret", "finch", "gecko", "gibbon", "heron", "ibex", "jaguar", "koala", "lemur", "lion",
    "lynx", "magpie", "marmot", "moose", "newt", "ocelot", "orca", "otter", "owl", "panda",
    "pelican", "puffin", "quail", "raven", "robin", "seal", "stork", "swan", "tiger", "walrus",
];
/// Numbers after the words: 10 to 99.
const NUMBERS: u64 = 90;

/// What pseudonyms are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct PseudonymKey {
    secret: [u8; 32],
    /// Values of the roster that are in no report. They are removed from quoted texts.
    hidden: Vec<String>,
}

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl PseudonymKey {
    /// A key of known bytes, for tests and examples.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            secret: bytes,
            hidden: Vec::new(),
        }
    }

    /// Removes these values of the roster too, which identify people and are not in the report.
    pub fn hiding(mut self, values: &[String]) -> Self {
        self.hidden.extend_from_slice(values);
        self
    }

    /// The class's key, `<reports>/<class>/.pseudonym-key`; made when it is not there. Only its owner can read
    /// it. Deleting it gives everybody a new pseudonym.
    ///
    /// # Errors
    /// When it can be neither read nor made, or is not 32 bytes long.
    pub fn of_class(reports: &Path, class: &ClassName) -> io::Result<Self> {
        let path = class_dir(reports, class).join(".pseudonym-key");
        kept_key(&path, "to give everybody a new pseudonym").map(Self::from_bytes)
    }

    fn number(&self, class: &ClassName, username: &Username, attempt: u32) -> u64 {
        // HMAC accepts keys of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            return 0;
        };
        // Neither name can contain a zero byte, so no two pairs have the same bytes.
        mac.update(class.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(username.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(&attempt.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// A different pseudonym for each username. If two are equal (in a class of thirty: one time in three hundred), always the
/// same one of them gets another.
fn pseudonyms<'a>(
    key: &PseudonymKey,
    class: &ClassName,
    usernames: impl Iterator<Item = &'a Username>,
) -> BTreeMap<Username, Username> {
    let mut order: Vec<(u64, &Username)> = usernames
        .map(|username| (key.number(class, username, 0), username))
        .collect();
    order.sort();
    let mut taken = BTreeSet::new();
    let mut named = BTreeMap::new();
    for (_, username) in order {
        let free = (0..)
            .map(|attempt| pseudonym(key.number(class, username, attempt)))
            .find(|name| !taken.contains(name));
        if let Some(name) = free
            && let Ok(pseudonym) = name.parse()
        {
            taken.insert(name);
            named.insert(username.clone(), pseudonym);
        }
    }
    named
}

fn pseudonym(number: u64) -> String {
    let mut rest = number;
    let mut draw = |count: u64| {
        let drawn = rest % count;
        rest /= count;
        drawn
    };
    // Both lists are far shorter than what a usize holds.
    let adjective = ADJECTIVES[draw(ADJECTIVES.len() as u64) as usize];
    let animal = ANIMALS[draw(ANIMALS.len() as u64) as usize];
    format!("{adjective}-{animal}-{}", 10 + draw(NUMBERS))
}

/// The class without anything that identifies a person or the account.
pub fn anonymous(report: &Document, key: &PseudonymKey) -> Document {
    let names = pseudonyms(
        key,
        &report.class,
        report.students.iter().map(|s| &s.student.username),
    );
    let scrub = Scrub::of(report, &key.hidden);
    let mut students: Vec<ReportStudent> = report
        .students
        .iter()
        .filter_map(|row| Some(student(row, names.get(&row.student.username)?, &scrub)))
        .collect();
    students.sort_by(|a, b| a.student.username.cmp(&b.student.username));
    Document {
        class: report.class.clone(),
        lab: report.lab.clone(),
        lab_title: report.lab_title.clone(),
        account: Account {
            id: String::new(),
            alias: None,
        },
        region: report.region.clone(),
        places: places(report, &scrub),
        taken_at: report.taken_at.clone(),
        ends: report.ends,
        validated_at: report.validated_at.clone(),
        students,
        left: Vec::new(),
        departed: Vec::new(),
        notes: report
            .notes
            .iter()
            .map(|note| scrub.text(note))
            .chain(left::anonymous(report.left.len()))
            .collect(),
        gaps: report
            .gaps
            .iter()
            .map(|gap| Gap {
                kind: gap.kind,
                name: gap.name.as_deref().map(|name| scrub.text(name)),
                student: gap.student.as_ref().and_then(|s| names.get(s).cloned()),
                cause: scrub.text(&gap.cause),
            })
            .collect(),
        proposing: Proposing::default(),
        since: report.since.as_ref().map(|since| Since {
            taken_at: since.taken_at.clone(),
            moves: since
                .moves
                .iter()
                .filter_map(|m| {
                    let username = names.get(&m.username)?.clone();
                    Some(Move {
                        username,
                        ..m.clone()
                    })
                })
                .collect(),
        }),
    }
}

/// The places by name and region.
fn places(report: &Document, scrub: &Scrub) -> Vec<PlaceStamp> {
    let places = report.places.iter().map(|place| PlaceStamp {
        account: None,
        unreached: place.unreached.as_deref().map(|why| scrub.text(why)),
        ..place.clone()
    });
    places.collect()
}

fn student(row: &ReportStudent, pseudonym: &Username, scrub: &Scrub) -> ReportStudent {
    let mut progress = row.progress.clone();
    progress.username = pseudonym.clone();
    for result in &mut progress.checks {
        check(result, scrub);
    }
    for (_, execution) in &mut progress.executions {
        execution.name.clear();
        execution.arn.clear();
        execution.detail = None;
    }
    // Who needs somebody stays, with reason, task, count and time. The rest quotes the student, but of a stack.
    if let Some(trouble) = &mut progress.trouble {
        let of_stack = trouble.reason.is_of_stack();
        trouble.act = None;
        let kept = |text: Option<String>| {
            text.filter(|_| of_stack)
                .map(|text| scrub.text(&nameless(&text)))
        };
        (trouble.cause, trouble.say) = (kept(trouble.cause.take()), kept(trouble.say.take()));
        trouble.room = None;
    }
    progress.hitch = None;
    progress.activity.refusals.clear();
    progress.activity.causes.clear();
    let unread = progress.activity.unread.take();
    progress.activity.unread = unread.map(|why| scrub.text(&why));
    progress.outputs.clear();
    progress.requests.clear();
    progress.changes = progress
        .changes
        .iter()
        .map(|change| Change {
            resource: scrub.text(&change.resource),
            summary: "changed".to_owned(),
            diff: Vec::new(),
        })
        .collect();
    let mut validate = row.validate.clone();
    for result in &mut validate {
        check(result, scrub);
    }
    ReportStudent {
        student: Student {
            username: pseudonym.clone(),
            name: None,
            email: None,
            section: None,
            extra: Vec::new(),
            due: None,
            place: None,
        },
        progress,
        validate,
    }
}

fn check(result: &mut CheckResult, scrub: &Scrub) {
    let needs_somebody = match result.verdict {
        Verdict::Fail => result.work == Work::Stack,
        Verdict::CouldNotCheck | Verdict::NotProvable => true,
        Verdict::Pass => false,
    };
    if !needs_somebody {
        result.evidence.clear();
    }
    for evidence in &mut result.evidence {
        evidence.text = scrub.text(&evidence.text);
        evidence.execution = None;
    }
    result.hint = scrub.text(&result.hint);
    let hint = result.instructor_hint.take();
    result.instructor_hint = hint.map(|hint| scrub.text(&nameless(&hint)));
}

/// The text without the students whom its commands name, between backticks: no command finds them by pseudonyms.
fn nameless(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(n, part)| match n % 2 {
        0 => part,
        _ => part.split(" --students ").next().unwrap_or(part),
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn users(count: usize) -> Vec<Username> {
        (1..=count)
            .map(|n| format!("user{n}").parse().unwrap())
            .collect()
    }

    #[test]
    fn a_command_loses_the_students_whom_it_names_and_a_sentence_nothing() {
        let text = "`homeroom status --students u1` tells: give --students u2, then `x`.";
        let told = "`homeroom status` tells: give --students u2, then `x`.";
        assert_eq!(nameless(text), told);
    }

    #[test]
    fn pseudonyms_are_unique_whatever_the_rosters_order_and_length() {
        let (key, class) = (PseudonymKey::from_bytes([7; 32]), "spring".parse().unwrap());
        let users = users(500);
        let all = pseudonyms(&key, &class, users.iter());
        assert_eq!(all.values().collect::<BTreeSet<_>>().len(), 500);
        let reversed = pseudonyms(&key, &class, users.iter().rev());
        assert_eq!(all, reversed);
    }

    #[test]
    fn another_key_and_another_class_give_other_pseudonyms() {
        let (spring, autumn) = ("spring".parse().unwrap(), "autumn".parse().unwrap());
        let users = users(1);
        let of =
            |key: u8, class| pseudonyms(&PseudonymKey::from_bytes([key; 32]), class, users.iter());
        assert_ne!(of(1, &spring), of(2, &spring));
        assert_ne!(of(1, &spring), of(1, &autumn));
        assert_eq!(of(1, &spring), of(1, &spring));
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let class = "spring".parse().unwrap();
        let first = PseudonymKey::of_class(dir.path(), &class).unwrap();
        assert_eq!(PseudonymKey::of_class(dir.path(), &class).unwrap(), first);
        let path = dir.path().join("spring/.pseudonym-key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&path, b"short").unwrap();
        let error = PseudonymKey::of_class(dir.path(), &class)
            .unwrap_err()
            .to_string();
        assert!(error.contains("put the right file back"), "{error}");
    }
}
