//! What a handout has besides the lab's own words, the same in HTML and in Markdown. Each text is cleaned here, once.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::lab::check::{Check, Credit, Proof, Work};
use crate::lab::points::Points;
use crate::stack::ends;
use crate::text::link::link;
use crate::text::show::clean;

use super::{HandoutClass, StudentHandout};

/// The head of one student's handout.
#[derive(Serialize)]
pub(super) struct Sheet {
    pub class: String,
    pub lab_title: String,
    pub minutes: u32,
    /// When the class ends, in a sentence; empty where it does not.
    pub(crate) ends: String,
    pub username: String,
    pub name: String,
    pub section: String,
    pub(crate) facts: Vec<Fact>,
    /// Whether a password or a key is among the facts.
    pub secret: bool,
}

#[derive(Serialize)]
pub(super) struct Fact {
    pub label: String,
    pub value: String,
    pub(crate) link: bool,
    pub secret: bool,
}

impl Sheet {
    pub fn of(class: &HandoutClass<'_>, one: &StudentHandout<'_>) -> Self {
        let student = one.student;
        let column = |value: &Option<String>| own(value.as_deref().unwrap_or_default());
        Self {
            class: class.class.to_string(),
            lab_title: own(class.lab.title()),
            minutes: class.lab.minutes(),
            ends: class.lab.ends().map(told).unwrap_or_default(),
            username: student.username.to_string(),
            name: column(&student.name),
            section: column(&student.section),
            secret: one.credentials.is_some(),
            facts: facts(one),
        }
    }
}

/// With what it means for the student.
fn told(ends: Timestamp) -> String {
    let told = ends::told(ends, Timestamp::now(), &TimeZone::system());
    format!("{told}. What is yours stops working then.")
}

fn facts(one: &StudentHandout<'_>) -> Vec<Fact> {
    let fact = |label: &str, value: &str| Fact {
        label: own(label),
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
    let HandoutClass {
        sign_in_url, scope, ..
    } = one.at;
    let credentials = one.credentials.as_ref();
    if let Some(password) = credentials.and_then(|c| c.password.as_ref()) {
        // Also where there is no console to sign in to: the password is the student's.
        facts.push(secret("First password", password.expose_secret()));
    }
    facts.extend(sign_in_url.map(|url| fact("Sign in", url)));
    facts.push(fact("Region", &scope.region));
    let addresses = one.handout.addresses.iter();
    facts.extend(addresses.map(|address| Fact {
        link: address.opens,
        ..fact(&address.label, &address.value)
    }));
    if let Some(key) = credentials.and_then(|c| c.access_key.as_ref()) {
        facts.push(secret("Access key ID", &key.id));
        facts.push(secret("Secret access key", key.secret.expose_secret()));
    }
    facts
}

/// A task of the student, in the table of what counts.
#[derive(Serialize)]
pub(super) struct TaskRow<'a> {
    pub(crate) check: &'a str,
    pub title: String,
    /// Empty where the task gives none.
    pub points: String,
    /// Where the check looks.
    pub(crate) seen: String,
    pub hint: String,
}

impl HandoutClass<'_> {
    /// The student's tasks, and the sum of their points. The stack is the instructor's work.
    pub(super) fn tasks(&self) -> (Vec<TaskRow<'_>>, Points) {
        let own_work = || self.lab.checks().iter().filter(|c| c.work == Work::Student);
        let rows = own_work().map(|check| TaskRow {
            check: &check.id,
            title: own(&check.title),
            points: match check.points.is_zero() {
                true => String::new(),
                false => check.points.to_string(),
            },
            seen: seen(check),
            hint: own(&check.hint),
        });
        (rows.collect(), own_work().map(|check| check.points).sum())
    }

    /// `15 points`, where the check with this id has any.
    pub(super) fn points_of(&self, check: Option<&str>) -> Option<String> {
        let mut checks = self.lab.checks().iter();
        let check = checks.find(|c| Some(c.id.as_str()) == check)?;
        (!check.points.is_zero()).then(|| check.points.words())
    }
}

/// Where a check looks, in words for the student.
fn seen(check: &Check) -> String {
    let place = match &check.proof {
        Proof::ResourcesExist | Proof::ResourcesReady => "in your stack",
        Proof::Executions { .. } => "in your executions",
        Proof::LogEvents { .. } | Proof::Invocations { .. } => "in your logs",
        Proof::Unprovable { .. } => "nowhere: do it for yourself, or show it to your instructor",
    };
    match check.credit {
        Credit::Each => format!("{place}; each one counts"),
        Credit::AllOrNothing => place.to_owned(),
    }
}

fn own(text: &str) -> String {
    clean(text).into_owned()
}
