//! The end of a class: the tag that says it, and what follows from it. Roles and users carry the tag, because they are what
//! stops at that moment, and they are listed with their tags at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::ids::ClassName;
use crate::stack::kinds::{AnySeen, Desired, Observed};
use crate::stack::ownership::{Owner, Ownership, Tags};
use crate::stack::plan::Plan;
use crate::text::failure::Failure;
use crate::text::moment::utc;
use crate::text::words::plural;

pub(crate) const TAG_UNTIL: &str = "homeroom:until";
/// The tag's value once the class has no end any more. So homeroom needs no right to take tags away.
const NEVER: &str = "none";

/// What the tags say; `None` where they name no end.
pub(crate) fn until(tags: &Tags) -> Option<Timestamp> {
    tags.get(TAG_UNTIL)?.parse().ok()
}

/// The tag, where there is an end.
pub(crate) fn tag(ends: Option<Timestamp>) -> impl Iterator<Item = (String, String)> {
    ends.into_iter()
        .map(|ends| (TAG_UNTIL.to_owned(), utc(ends)))
}

/// The tag's new value, where the tags of something that is there say another end. What shows no tags of homeroom's at all
/// tells nothing.
pub(crate) fn other_tag(wanted: Option<Timestamp>, seen: &Tags) -> Option<String> {
    Owner::from_tags(seen)?;
    let wanted = wanted.map(utc);
    match (wanted, seen.get(TAG_UNTIL)) {
        (Some(wanted), Some(seen)) if wanted == *seen => None,
        (None, None) => None,
        (None, Some(seen)) if seen == NEVER => None,
        (wanted, _) => Some(wanted.unwrap_or_else(|| NEVER.to_owned())),
    }
}

/// What everybody is told: when the class ends, or that it has.
pub(crate) fn told(ends: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let at = ends.to_zoned_datetime(zone.clone());
    let zone = match at.time_zone().iana_name() {
        Some(name) => format!("{name}, {}", at.strftime("UTC%:z")),
        None => at.strftime("UTC%:z").to_string(),
    };
    let verb = if ends <= now { "ended" } else { "ends" };
    let when = at.strftime("%A, %-d %B %Y, %H:%M");
    format!("This class {verb} on {when} ({zone})")
}

/// The same for the instructor, with what it means.
pub(crate) fn told_in_full(ends: Timestamp, now: Timestamp) -> String {
    let told = told(ends, now, &TimeZone::system());
    match ends <= now {
        true => format!(
            "{told}: neither students nor the stacks can do anything; change ends in homeroom.toml and deploy to go on, or tear \
             the class down"
        ),
        false => format!(
            "{told}: from then on neither students nor the stacks can do anything (ends in homeroom.toml)"
        ),
    }
}

/// Refuses to begin a class that is over: nothing of it would work. What is there already can be changed, so that a class
/// can be ended at once.
pub(crate) fn over(plan: &Plan, ends: Option<Timestamp>, now: Timestamp) -> Option<Failure> {
    let ends = ends.filter(|ends| *ends <= now)?;
    let begins = plan.creates_of(|kind| kind.facts().in_iam) > 0;
    begins.then(|| {
        let told = told(ends, now, &TimeZone::system());
        let cause = format!(
            "{told}, which is over: what is made now would never work; nothing was changed"
        );
        Failure::new("homeroom.toml (ends)", cause)
            .hint("give a later time with its offset, as in ends = 2030-05-14T18:00:00+02:00, or take the line out")
    })
}

/// What is there and says another end than the class has now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EndChange {
    /// Roles: `deploy` changes them.
    pub roles: usize,
    /// Students' users: `access grant` changes them.
    pub users: usize,
    /// What they say; `None` for no end.
    pub from: BTreeSet<Option<Timestamp>>,
}

impl EndChange {
    pub(crate) fn is_none(&self) -> bool {
        self.from.is_empty()
    }

    /// Counts what of these stacks says another end.
    pub(crate) fn add(&mut self, desired: &Desired, observed: &Observed, ends: Option<Timestamp>) {
        let mut is_other = |tags: &Tags| {
            let other = other_tag(ends, tags).is_some();
            self.from.extend(other.then(|| until(tags)));
            usize::from(other)
        };
        for stack in &desired.stacks {
            let roles = stack.roles.iter();
            let roles = roles.filter_map(|role| observed.roles.get(&role.name));
            let ours = Ownership::Ours(stack.owner.clone());
            for role in roles.filter(|role| role.whose(desired, Some(&stack.owner)) == ours) {
                self.roles += is_other(&role.tags);
            }
            let user = observed.user_of(&desired.scope, &stack.owner);
            self.users += user.map_or(0, |user| is_other(&user.tags));
        }
    }
}

/// A note where students' access ends at another time than the class as it is deployed now.
pub(crate) fn stale_access(
    desired: &Desired,
    observed: &Observed,
    ends: Option<Timestamp>,
) -> Option<String> {
    let stale = desired.stacks.iter().filter(|stack| {
        let user = observed.user_of(&desired.scope, &stack.owner);
        user.is_some_and(|user| other_tag(ends, &user.tags).is_some())
    });
    match stale.count() {
        0 => None,
        count => Some(format!(
            "the access of {} still ends as an earlier `ends` said, or not at all: `homeroom access grant` changes that, and \
             issues nothing new",
            plural(count, "student")
        )),
    }
}

/// A note on work that is due only once the class is over.
pub(crate) fn due_later(
    class: &ClassName,
    dues: impl Iterator<Item = Timestamp>,
    ends: Option<Timestamp>,
) -> Option<String> {
    let ends = ends?;
    let late = dues.filter(|due| *due > ends).count();
    (late > 0).then(|| {
        format!(
            "class {class} ends before the work of {} is due: they cannot use that time",
            plural(late, "student")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tags(until: Option<&str>) -> Tags {
        let known = ["class", "student", "lab"];
        let known = known.map(|key| (format!("homeroom:{key}"), "x1".to_owned()));
        let until = until.map(|until| (TAG_UNTIL.to_owned(), until.to_owned()));
        known.into_iter().chain(until).collect()
    }

    #[test]
    fn an_end_is_written_and_read_back_as_the_same_moment() {
        let ends = at("2026-12-01T18:00:00.9+01:00");
        let written: Tags = tag(Some(ends)).collect();
        assert_eq!(written[TAG_UNTIL], "2026-12-01T17:00:00Z");
        assert_eq!(until(&written), Some(at("2026-12-01T17:00:00Z")));
        assert_eq!(tag(None).count(), 0);
        for no_end in [None, Some("none"), Some("soon")] {
            assert_eq!(until(&tags(no_end)), None, "{no_end:?}");
        }
    }

    #[test]
    fn a_tag_is_written_only_where_it_says_something_else() {
        let ends = Some(at("2026-12-01T17:00:00Z"));
        let same = Some("2026-12-01T17:00:00Z");
        assert_eq!(other_tag(ends, &tags(same)), None);
        assert_eq!(other_tag(ends, &tags(None)).as_deref(), same);
        assert_eq!(other_tag(ends, &tags(Some("none"))).as_deref(), same);
        assert_eq!(other_tag(None, &tags(same)).as_deref(), Some("none"));
        assert_eq!(other_tag(None, &tags(None)), None);
        assert_eq!(other_tag(None, &tags(Some("none"))), None);
        // A listing without tags does not say that there is none.
        assert_eq!(other_tag(ends, &Tags::new()), None);
    }

    #[test]
    fn the_end_is_told_in_the_zone_of_the_class() {
        let (ends, zone) = (
            at("2026-12-01T17:00:00Z"),
            TimeZone::fixed(jiff::tz::offset(1)),
        );
        assert_eq!(
            told(ends, at("2026-12-01T16:59:59Z"), &zone),
            "This class ends on Tuesday, 1 December 2026, 18:00 (UTC+01:00)"
        );
        assert_eq!(
            told(ends, ends, &zone),
            "This class ended on Tuesday, 1 December 2026, 18:00 (UTC+01:00)"
        );
    }

    #[test]
    fn work_that_is_due_after_the_end_is_told() {
        let class = "spring".parse().unwrap();
        let dues = ["2026-12-01T17:00:00Z", "2026-12-01T17:00:01Z"].map(at);
        let note = |ends| due_later(&class, dues.into_iter(), ends);
        assert!(
            note(Some(dues[0]))
                .unwrap()
                .contains("work of 1 student is due")
        );
        assert_eq!(note(Some(dues[1])), None);
        assert_eq!(note(None), None);
    }
}
