//! `plan`: what deploy would do.

use std::io;

use crate::events::Outcome;
use crate::ids::{Kind, Username};
use crate::results::digest::{PlanDifference, PlanDigest, PlanGroup, USERNAME};
use crate::results::{Account, PlaceStamp, RunSummary};
use crate::stack::diff::{DiffLine, Difference};
use crate::stack::forecast::Estimate;
use crate::stack::limits::Limit;
use crate::stack::plan::Verdict;
use crate::stack::result::ResourceState;

use super::super::marks::Tone;
use super::{Screen, View, time};
use crate::text::show::clean;
use crate::text::words::{plural, some_of};

/// Students of a group who are named.
const NAMED: usize = 5;
/// Students of a difference who are named.
const NAMED_BRIEFLY: usize = 3;
/// Groups and differences of one sort that are shown.
const SHOWN: usize = 5;
/// Parts of one difference that are shown.
const PARTS: usize = 5;

const STATES: [(Verdict, &str); 5] = [
    (Verdict::Create, "Would be made, with something to know"),
    (Verdict::Update, "Would be updated"),
    (
        Verdict::Keep,
        "Changed by the student, and kept (deploy --reset puts them back)",
    ),
    (
        Verdict::NoChange,
        "Changed by the student, and good as it is: kept",
    ),
    (Verdict::Conflict, "Not provably ours: never touched"),
];

pub(super) fn print(
    summary: &RunSummary,
    view: &View<'_>,
    page: &mut Screen<'_>,
) -> io::Result<()> {
    let Some(digest) = &summary.plan else {
        return Ok(());
    };
    let mut plan = PlanPage {
        digest,
        whole: view.verbosity > 0,
        page,
    };
    plan.head(summary)?;
    plan.groups()?;
    for (verdict, heading) in STATES {
        plan.differences(ResourceState::Planned(verdict), heading)?;
    }
    plan.removed()?;
    limits("Limits of the account", &digest.limits, page)?;
    for place in &digest.by_place {
        limits(
            &format!("Limits of place {}", place.name),
            &place.limits,
            page,
        )?;
    }
    let Some(forecast) = &summary.forecast else {
        return Ok(());
    };
    let deploy = forecast.deploy.as_ref().map(|deploy| ("deploy", deploy));
    let verbs = deploy.into_iter().chain([("teardown", &forecast.teardown)]);
    page.list(
        "Expected, with nothing else at work in the account",
        verbs.map(|(verb, estimate)| expected(verb, estimate)),
    )
}

struct PlanPage<'a, 'p, 'w> {
    digest: &'a PlanDigest,
    /// Whether all of it is shown.
    whole: bool,
    page: &'p mut Screen<'w>,
}

/// Whose credentials count, and where the calls go.
fn through(profile: &Option<String>, keys_from: Option<&str>, endpoint: &Option<String>) -> String {
    let keys = match (profile, keys_from) {
        (Some(profile), _) => format!("profile {profile}"),
        (None, Some(place)) => format!("keys from the {place}"),
        (None, None) => "no profile named".to_owned(),
    };
    match endpoint.as_deref() {
        Some("embedded") => "the embedded cloud".to_owned(),
        Some(url) => format!("{keys}, {url}"),
        None => keys,
    }
}

impl PlanPage<'_, '_, '_> {
    /// Which class of which lab, and where.
    fn head(&mut self, summary: &RunSummary) -> io::Result<()> {
        let lab = summary.lab.as_ref();
        let lab = lab.map(|lab| format!(", lab {}: {}", lab.id, lab.title));
        let title = format!(
            "Plan for class {}{}",
            summary.class,
            lab.unwrap_or_default()
        );
        self.page.heading(&clean(&title))?;
        if let Some(stamp) = &summary.stamp {
            let digest = self.digest;
            let alias = match (&stamp.account.alias, &digest.alias_unread) {
                (Some(alias), _) => format!(" ({alias})"),
                (None, Some(_)) => " (alias: ?)".to_owned(),
                (None, None) => String::new(),
            };
            let through = through(&digest.profile, digest.keys_from, &digest.endpoint);
            let (account, region) = (&stamp.account.id, &stamp.region);
            let place = format!("account {account}{alias}, {region}, {through}");
            match stamp.places.is_empty() {
                true => self.page.text("  ", "  ", &place)?,
                false => self.places(&stamp.places)?,
            }
            if let Some(why) = &digest.alias_unread {
                let why = format!("the account's alias could not be read: {why}");
                self.page.text("  ", "    ", &why)?;
            }
        }
        self.page.line("")
    }

    /// A line each.
    fn places(&mut self, places: &[PlaceStamp]) -> io::Result<()> {
        for place in places {
            let account = match &place.account {
                Some(Account {
                    id,
                    alias: Some(alias),
                }) => format!("account {id} ({alias})"),
                Some(Account { id, .. }) => format!("account {id}"),
                None => "account not known".to_owned(),
            };
            let mut line = format!("{}: {account}, {}", place.name, place.region);
            let mut plans = self.digest.by_place.iter();
            if let Some(plan) = plans.find(|plan| plan.name == place.name) {
                let mut through = through(&plan.profile, plan.keys_from, &plan.endpoint);
                if let Some(role) = &plan.role_arn {
                    through = format!("{role} by {through}");
                }
                let students = plural(plan.students, "student");
                line.push_str(&format!(", {through}: {students}"));
                if let Some(why) = &plan.alias_unread {
                    line.push_str(&format!("; the account's alias could not be read: {why}"));
                }
            }
            if let Some(why) = &place.unreached {
                line.push_str(&format!("; could not be looked at: {why}"));
            }
            self.page.text("  ", "    ", &line)?;
        }
        Ok(())
    }

    fn groups(&mut self) -> io::Result<()> {
        let most = if self.whole { usize::MAX } else { SHOWN };
        let named = if self.whole { usize::MAX } else { NAMED };
        for group in self.digest.groups.iter().take(most) {
            let who = plural(group.students.len(), "student");
            let text = format!("{who}: {}", done_for(group));
            self.page.text("", "  ", &text)?;
            self.page.text("  ", "  ", &names(&group.students, named))?;
        }
        let rest = self.digest.groups.iter().skip(most);
        let rest: Vec<usize> = rest.map(|group| group.students.len()).collect();
        if !rest.is_empty() {
            let students = plural(rest.iter().sum(), "student");
            let groups = plural(rest.len(), "more group");
            self.page
                .line(&format!("… {students} in {groups}: plan -v shows all"))?;
        }
        self.page.line("")
    }

    /// What there is to say of resources in a state.
    fn differences(&mut self, state: ResourceState, heading: &str) -> io::Result<()> {
        let all = match self.whole {
            // Each with its values.
            true => {
                let differences = self.digest.differences.iter();
                let all = differences.filter(|one| one.state == state);
                all.map(|one| (one.clone(), false)).collect()
            }
            false => self.digest.merged(state),
        };
        if all.is_empty() {
            return Ok(());
        }
        self.page.heading(heading)?;
        let most = if self.whole { usize::MAX } else { SHOWN };
        for (one, more) in all.iter().take(most) {
            self.difference(one, *more)?;
        }
        let rest = all.len().saturating_sub(most);
        if rest > 0 {
            self.page
                .line(&format!("  … {rest} more: plan -v shows all"))?;
        }
        self.page.line("")
    }

    fn difference(&mut self, one: &PlanDifference, more: bool) -> io::Result<()> {
        let of_one = OfStudents(&one.students);
        let detail = one.detail.as_ref();
        let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
        let resource = of_one.filled(&format!("{} {}{detail}", one.kind, one.name));
        let text = format!("{}: {resource}", self.who(&one.students));
        self.page.text("  ", "    ", &text)?;
        let most = if self.whole { usize::MAX } else { PARTS };
        for part in one.parts.iter().take(most) {
            self.page
                .text("    ", "      ", &of_one.filled(&said(part)))?;
        }
        let rest = one.parts.len().saturating_sub(most);
        if rest > 0 {
            let rest = plural(rest, "more difference");
            self.page
                .line(&format!("    … {rest}: plan -v shows all"))?;
        }
        if let Some(first) = one.students.first().filter(|_| more) {
            let text = format!("(as {first} has it; values of others differ: plan -v shows all)");
            self.page.text("    ", "    ", &text)?;
        }
        if self.whole {
            for line in &one.diff {
                let line = match line {
                    DiffLine::Same(text) => format!("  {text}"),
                    DiffLine::Added(text) => format!("+ {text}"),
                    DiffLine::Removed(text) => format!("- {text}"),
                    DiffLine::LeftOut(lines) => format!("… {}", plural(*lines, "equal line")),
                };
                let line = of_one.filled(&line);
                self.page.line(&format!("      {}", clean(&line)))?;
            }
        }
        Ok(())
    }

    fn removed(&mut self) -> io::Result<()> {
        let removing = self.digest.differences.iter();
        let removing = removing.filter(|one| !one.removed.is_empty());
        let removing: Vec<String> = removing
            .map(|one| {
                let things = one.removed.join(", ");
                let things = format!("{things}, of {} {}", one.kind, one.name);
                let things = OfStudents(&one.students).filled(&things);
                format!("{}: {things}", self.who(&one.students))
            })
            .collect();
        let most = if self.whole { usize::MAX } else { SHOWN };
        let rest = removing.len().saturating_sub(most);
        let rest = (rest > 0).then(|| format!("… {rest} more: plan -v shows all"));
        let shown = removing.into_iter().take(most).chain(rest);
        self.page
            .list("Would be removed: the lab does not have it", shown)
    }

    /// `all 30 students`, `2 students (user4, user9)`, `user4`.
    fn who(&self, students: &[Username]) -> String {
        let count = students.len();
        match students {
            [one] => one.to_string(),
            _ if count == self.digest.students() => format!("all {count} students"),
            _ => {
                let named = if self.whole {
                    usize::MAX
                } else {
                    NAMED_BRIEFLY
                };
                format!("{count} students ({})", names(students, named))
            }
        }
    }
}

/// Students who have something alike.
struct OfStudents<'a>(&'a [Username]);

impl OfStudents<'_> {
    /// With the name of the only student in the place of what stands for it.
    fn filled(&self, text: &str) -> String {
        match self.0 {
            [one] => text.replace(USERNAME, one.as_str()),
            _ => text.to_owned(),
        }
    }
}

fn names(students: &[Username], most: usize) -> String {
    let names: Vec<&str> = students.iter().map(Username::as_str).collect();
    some_of(&names, most)
}

/// `create 11 resources each (3 IAM roles, …)`, `update 1 resource, keep 1 that the student changed`.
fn done_for(group: &PlanGroup) -> String {
    let count = |verdict| group.count(ResourceState::Planned(verdict));
    let each = if group.students.len() > 1 {
        " each"
    } else {
        ""
    };
    let mut said = Vec::new();
    let resources = |n: usize| plural(n, "resource");
    match count(Verdict::Create) {
        0 => {}
        n => {
            let kinds = group.kinds(ResourceState::Planned(Verdict::Create));
            let kinds: Vec<String> = kinds.map(|(kind, n)| of_kind(kind, n)).collect();
            said.push(format!(
                "create {}{each} ({})",
                resources(n),
                kinds.join(", ")
            ));
        }
    }
    match count(Verdict::Update) {
        0 => {}
        n => said.push(format!("update {}{each}", resources(n))),
    }
    let blocked = group.count(ResourceState::Blocked);
    let (conflict, unknown) = (count(Verdict::Conflict), count(Verdict::Unknown));
    if conflict + unknown > 0 {
        let reasons = [
            (conflict, "not provably ours"),
            (unknown, "could not be seen"),
            (blocked, "not done before that is cleared up"),
        ];
        let reasons = reasons.into_iter().filter(|(n, _)| *n > 0);
        let reasons: Vec<String> = reasons.map(|(n, why)| format!("{n} {why}")).collect();
        said.push(format!("left alone: {}", reasons.join(", ")));
    }
    match count(Verdict::Keep) {
        0 => {}
        n => said.push(format!("keep {n} that the student changed")),
    }
    if said.is_empty() {
        // Of some students nothing at all is planned: their place, or which place is theirs, is not known.
        let known = match group.outcome {
            Outcome::Unknown => "left alone: could not be looked at",
            Outcome::Conflict => "left alone, see below",
            _ => "nothing to do",
        };
        return known.to_owned();
    }
    match count(Verdict::NoChange) {
        0 => {}
        n => said.push(format!("{n} as they should be")),
    }
    said.join(", ")
}

fn of_kind(kind: Kind, count: usize) -> String {
    match kind {
        Kind::ManagedPolicy if count > 1 => format!("{count} IAM policies"),
        _ => plural(count, &kind.to_string()),
    }
}

/// `Timeout: 3 s → 10 s`, `+ statement …: Allow …`, `- environment variable GONE: set`.
fn said(part: &Difference) -> String {
    let what = &part.what;
    match (&part.old, &part.new) {
        (Some(old), Some(new)) => format!("{what}: {old} → {new}"),
        (None, Some(new)) => format!("+ {what}: {new}"),
        (Some(old), None) => format!("- {what}: {old}"),
        (None, None) => what.clone(),
    }
}

/// A verb's time, its bound, and its calls.
fn expected(verb: &str, estimate: &Estimate) -> String {
    let total: u64 = estimate.calls.values().sum();
    if total == 0 {
        return format!("{verb}: nothing to do");
    }
    let by_service = estimate.calls.iter();
    let by_service = by_service.map(|(service, calls)| format!("{service} {calls}"));
    let by_service = by_service.collect::<Vec<_>>().join(", ");
    let calls = plural(total as usize, "call");
    format!("{verb}: {}, {calls} ({by_service})", time::told(estimate))
}

fn limits(title: &str, limits: &[Limit], page: &mut Screen<'_>) -> io::Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    page.heading(title)?;
    for limit in limits {
        let adds = format!("this adds {}", limit.adds);
        let (symbol, tone, text) = match (limit.used, limit.quota) {
            (Some(used), Some(quota)) => {
                let after = u64::from(used) + u64::from(limit.adds);
                let state = format!("{used} of {quota} used, {adds}");
                match after.saturating_sub(u64::from(quota)) {
                    0 => ("✓", Tone::Good, format!("{state}: fits")),
                    over => (
                        "!",
                        Tone::Bad,
                        format!("{state}: does not fit, {over} too many"),
                    ),
                }
            }
            (Some(used), None) => (
                "?",
                Tone::Unsure,
                format!("{used} used, {adds}: the quota could not be read"),
            ),
            (None, _) => (
                "?",
                Tone::Unsure,
                format!("{adds}: how many there are could not be read"),
            ),
        };
        let first = format!("  {} ", page.paint.tone(tone, symbol));
        page.text(&first, "    ", &format!("{}: {text}", limit.what))?;
    }
    page.line("")
}

/// How many resources deploy would create or update.
pub(super) fn changes(summary: &RunSummary) -> String {
    let resources = summary.students.iter().flat_map(|s| &s.resources);
    let changing = [Verdict::Create, Verdict::Update].map(ResourceState::Planned);
    let changing = resources.filter(|resource| changing.contains(&resource.state));
    plural(changing.count(), "resource")
}
