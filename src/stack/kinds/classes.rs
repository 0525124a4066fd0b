//! The classes of an account and region, found without any roster or lab: by paths and tags of IAM's listing, by the records of
//! functions, and by the tags of APIs. Which of them are over follows from the tags of roles and users alone: students can
//! change neither, and nobody else's resources carry them below homeroom's paths.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, Principal};
use crate::ids::{ClassName, LabId, Scope, Username};
use crate::stack::ends;
use crate::stack::kinds::function::LOG_GROUP_PREFIX;
use crate::stack::kinds::role::Seen as RoleSeen;
use crate::stack::kinds::search::pages;
use crate::stack::kinds::state_machine;
use crate::stack::kinds::{Gap, Kind};
use crate::stack::names::NamePattern;
use crate::stack::ownership::{Owner, Ownership, Record, Tags, of_principal};

/// The kinds whose listing says whose one is. State machines and log groups show their names only.
pub(crate) const LOOKED_AT: [Kind; 6] = [
    Kind::Role,
    Kind::User,
    Kind::ManagedPolicy,
    Kind::Function,
    Kind::RestApi,
    Kind::HttpApi,
];

/// One lab of a class, as far as listings show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundLab {
    /// Students whose tags name them.
    pub students: BTreeSet<Username>,
    /// When its oldest role was made, else its oldest API.
    pub(crate) made: Option<Timestamp>,
    pub(crate) resources: BTreeMap<Kind, usize>,
    /// What the tags of its roles and users say of the end: each moment, and `None` for those that name none.
    ends: BTreeSet<Option<Timestamp>>,
}

/// Why a class is or is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No role and no user says when it ends.
    Endless,
    /// Some say it, and others do not.
    Unsure,
    Ahead(Timestamp),
    Over(Timestamp),
    /// Not every role and user could be listed, and one that is hidden may end later.
    Unknown,
}

impl Standing {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Endless => "no-end",
            Self::Unsure => "unsure",
            Self::Ahead(_) => "ahead",
            Self::Over(_) => "over",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn ends(self) -> Option<Timestamp> {
        match self {
            Self::Ahead(at) | Self::Over(at) => Some(at),
            Self::Endless | Self::Unsure | Self::Unknown => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundClass {
    pub labs: BTreeMap<LabId, FoundLab>,
    /// Policies below the class's path: their names do not say of which lab or region they are.
    pub(crate) policies: usize,
    /// Roles and users below the class's path without tags that say whose they are.
    pub(crate) ownerless: usize,
    /// Regions in which it has roles or users besides this one.
    pub(crate) elsewhere: BTreeSet<String>,
}

impl FoundLab {
    /// Whether more than functions say that it is there: a student can give a function any description.
    pub(crate) fn is_proven(&self) -> bool {
        self.resources.keys().any(|kind| *kind != Kind::Function)
    }
}

impl FoundClass {
    /// Whether something of it is certainly in this region. Functions are left out, because a student can give one any
    /// description; policies of a class that is in another region, too, may be that region's.
    pub(crate) fn is_here(&self) -> bool {
        let policies = self.policies > 0 && self.elsewhere.is_empty();
        policies || self.ownerless > 0 || self.labs.values().any(FoundLab::is_proven)
    }

    /// Of several ends the latest counts, over all labs; and everything must have one.
    fn standing(&self, now: Timestamp) -> Standing {
        let all: BTreeSet<_> = self.labs.values().flat_map(|lab| &lab.ends).collect();
        let Some(latest) = all.iter().filter_map(|ends| **ends).max() else {
            return Standing::Endless;
        };
        match latest {
            _ if all.contains(&None) || self.ownerless > 0 => Standing::Unsure,
            latest if latest > now => Standing::Ahead(latest),
            latest => Standing::Over(latest),
        }
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundClasses {
    pub classes: BTreeMap<ClassName, FoundClass>,
    /// What could not be listed.
    pub gaps: Vec<Gap>,
}

impl FoundClasses {
    /// Whether roles or users are hidden, whose tags say when classes end.
    pub fn hides_ends(&self) -> bool {
        let mut kinds = self.gaps.iter().map(|gap| gap.kind);
        kinds.any(|kind| matches!(kind, Kind::Role | Kind::User))
    }

    pub fn standing(&self, class: &FoundClass, now: Timestamp) -> Standing {
        match self.hides_ends() {
            true => Standing::Unknown,
            false => class.standing(now),
        }
    }

    /// The classes that are certainly over.
    pub fn over(&self, now: Timestamp) -> Vec<ClassName> {
        let classes = self.classes.iter();
        let over = classes.filter(|(_, c)| matches!(self.standing(c, now), Standing::Over(_)));
        over.map(|(name, _)| name.clone()).collect()
    }

    fn class(&mut self, class: &ClassName) -> &mut FoundClass {
        self.classes.entry(class.clone()).or_default()
    }

    fn lab(&mut self, owner: &Owner) -> &mut FoundLab {
        let labs = &mut self.class(&owner.class).labs;
        labs.entry(owner.lab.clone()).or_default()
    }

    /// `made`: when it was made, where the listing tells.
    fn add_principal(
        &mut self,
        scope: &Scope,
        kind: Kind,
        (path, tags): (&str, &Tags),
        made: Option<Timestamp>,
    ) {
        let Some(class) = class_of_path(path) else {
            return;
        };
        match of_principal(path, tags, scope, &class, None) {
            Ownership::Ours(owner) => {
                let lab = self.lab(&owner);
                lab.students.insert(owner.student);
                lab.ends.insert(ends::until(tags));
                lab.count(kind, made);
            }
            Ownership::OtherRegion(region) => {
                self.class(&class).elsewhere.insert(region);
            }
            Ownership::OtherClass(_) | Ownership::Foreign | Ownership::Unproven => {
                self.class(&class).ownerless += 1;
            }
        }
    }

    pub(crate) fn add(&mut self, scope: &Scope, principal: &Principal) {
        match principal {
            Principal::Role(role @ RoleSeen { path, tags, .. }) => {
                let made = role.created_ms;
                let made = made.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                self.add_principal(scope, Kind::Role, (path, tags), made);
            }
            Principal::User(user) => {
                self.add_principal(scope, Kind::User, (&user.path, &user.tags), None);
            }
            Principal::Policy(policy) => {
                if let Some(class) = class_of_path(&policy.path) {
                    self.class(&class).policies += 1;
                }
            }
        }
    }

    /// A student can write a description, so this proves nothing: it is only counted.
    fn add_function(&mut self, description: &str) {
        if let Some(record) = Record::parse(description) {
            self.lab(&record.owner).count(Kind::Function, None);
        }
    }

    fn add_api(&mut self, kind: Kind, tags: &Tags, made_s: i64) {
        if let Some(owner) = Owner::from_tags(tags) {
            let lab = self.lab(&owner);
            lab.students.insert(owner.student);
            lab.count(kind, Timestamp::from_second(made_s).ok());
        }
    }
}

impl FoundLab {
    fn count(&mut self, kind: Kind, made: Option<Timestamp>) {
        *self.resources.entry(kind).or_default() += 1;
        // None comes before any moment.
        self.made = match (self.made, made) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The class whose path this is.
fn class_of_path(path: &str) -> Option<ClassName> {
    let class = path.strip_prefix("/homeroom/")?.strip_suffix('/')?;
    class.parse().ok()
}

/// What a search for a class goes by where its lab is not known: any name may be the class's, and the tags decide.
pub(crate) fn any_names() -> Vec<NamePattern> {
    let any = |kind, prefix: &str| NamePattern {
        kind,
        prefix: prefix.to_owned(),
        suffix: String::new(),
    };
    vec![
        any(Kind::Function, ""),
        any(Kind::StateMachine, ""),
        any(Kind::LogGroup, LOG_GROUP_PREFIX),
        any(Kind::LogGroup, state_machine::LOG_GROUP_PREFIX),
    ]
}

/// Lists them. What cannot be listed becomes a gap.
///
/// # Errors
/// When it was stopped.
pub async fn find(client: &Client, scope: &Scope) -> Result<FoundClasses, Cancelled> {
    let mut found = FoundClasses::default();
    let listed = pages(
        |token| client.principals_page(token),
        |one| found.add(scope, &one),
    );
    let gaps = gap(Kind::Role, listed.await)?;
    // One listing shows all three.
    let hidden = [Kind::Role, Kind::User, Kind::ManagedPolicy];
    let gaps = gaps.into_iter().flat_map(|gap| {
        hidden.map(|kind| Gap {
            kind,
            ..gap.clone()
        })
    });
    found.gaps.extend(gaps);
    let listed = pages(
        |token| client.functions_page(token),
        |function| found.add_function(&function.description),
    );
    let gaps = gap(Kind::Function, listed.await)?;
    found.gaps.extend(gaps);
    let listed = pages(
        |token| client.rest_apis_page(token),
        |(api, tags)| found.add_api(Kind::RestApi, &tags, api.created_s),
    );
    let gaps = gap(Kind::RestApi, listed.await)?;
    found.gaps.extend(gaps);
    let listed = pages(
        |token| client.http_apis_page(token),
        |(api, tags)| found.add_api(Kind::HttpApi, &tags, api.created_s),
    );
    let gaps = gap(Kind::HttpApi, listed.await)?;
    found.gaps.extend(gaps);
    Ok(found)
}

fn gap(kind: Kind, listed: Result<(), CallError>) -> Result<Option<Gap>, Cancelled> {
    match listed {
        Ok(()) => Ok(None),
        Err(CallError::Cancelled) => Err(Cancelled),
        Err(CallError::Cloud(error)) => Ok(Some(Gap {
            kind,
            name: None,
            student: None,
            cause: error.in_full(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ends::TAG_UNTIL;

    const NOW: &str = "2026-12-01T17:00:00Z";

    fn scope() -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        }
    }

    fn tags(class: &str, until: Option<&str>, region: &str) -> Tags {
        let known = [
            ("class", class),
            ("student", "user1"),
            ("lab", "lab6"),
            ("region", region),
        ];
        let known = known.map(|(key, value)| (format!("homeroom:{key}"), value.to_owned()));
        let until = until.map(|until| (TAG_UNTIL.to_owned(), until.to_owned()));
        known.into_iter().chain(until).collect()
    }

    fn found(roles: &[(&str, Tags)]) -> FoundClasses {
        let mut found = FoundClasses::default();
        for (path, tags) in roles {
            found.add_principal(&scope(), Kind::Role, (path, tags), None);
        }
        found
    }

    fn standing(untils: &[Option<&str>]) -> Standing {
        let roles = untils
            .iter()
            .map(|until| ("/homeroom/spring/", tags("spring", *until, "us-east-1")));
        let found = found(&roles.collect::<Vec<_>>());
        let class = found.classes.values().next().unwrap();
        class.standing(NOW.parse().unwrap())
    }

    #[test]
    fn a_class_is_over_from_the_latest_of_its_ends_on() {
        let over = Standing::Over(NOW.parse().unwrap());
        assert_eq!(standing(&[Some(NOW)]), over);
        assert_eq!(standing(&[Some("2026-11-01T00:00:00Z"), Some(NOW)]), over);
        let ahead = "2026-12-01T17:00:01Z";
        assert_eq!(
            standing(&[Some(NOW), Some(ahead)]),
            Standing::Ahead(ahead.parse().unwrap())
        );
    }

    #[test]
    fn a_class_of_which_anything_has_no_end_is_never_over() {
        assert_eq!(standing(&[None, None]), Standing::Endless);
        for no_end in [None, Some("none"), Some("soon"), Some("")] {
            assert_eq!(
                standing(&[no_end, Some(NOW)]),
                Standing::Unsure,
                "{no_end:?}"
            );
        }
        let mut found = found(&[("/homeroom/spring/", tags("spring", Some(NOW), "us-east-1"))]);
        let now = NOW.parse().unwrap();
        let class = |found: &FoundClasses| found.classes.values().next().unwrap().standing(now);
        assert_eq!(class(&found).word(), "over");
        // Something below its path does not say whose it is.
        found.add_principal(
            &scope(),
            Kind::Role,
            ("/homeroom/spring/", &Tags::new()),
            None,
        );
        assert_eq!(class(&found), Standing::Unsure);
    }

    #[test]
    fn no_class_is_over_while_a_role_or_user_may_be_hidden() {
        let now = NOW.parse().unwrap();
        let mut found = found(&[("/homeroom/spring/", tags("spring", Some(NOW), "us-east-1"))]);
        let gap = |kind| Gap {
            kind,
            name: None,
            student: None,
            cause: "throttled".into(),
        };
        // An API says nothing of the end.
        found.gaps = vec![gap(Kind::RestApi)];
        assert_eq!(found.over(now).len(), 1);
        for kind in [Kind::Role, Kind::User] {
            found.gaps = vec![gap(kind)];
            assert_eq!(found.over(now), []);
            let class = found.classes.values().next().unwrap();
            assert_eq!(found.standing(class, now), Standing::Unknown);
        }
    }

    #[test]
    fn a_lab_that_only_a_function_names_is_not_proven() {
        let mut found = found(&[("/homeroom/spring/", tags("spring", Some(NOW), "us-east-1"))]);
        found.add_function("homeroom class=spring student=user1 lab=zzz");
        let labs = &found.classes.values().next().unwrap().labs;
        let proven: Vec<_> = labs
            .iter()
            .map(|(id, lab)| (id.as_str(), lab.is_proven()))
            .collect();
        assert_eq!(proven, [("lab6", true), ("zzz", false)]);
    }

    #[test]
    fn copied_tags_make_no_class_and_no_end() {
        let elsewhere = found(&[
            ("/", tags("spring", Some(NOW), "us-east-1")),
            ("/homeroom/", tags("spring", Some(NOW), "us-east-1")),
            ("/homeroom/a/b/", tags("spring", Some(NOW), "us-east-1")),
        ]);
        assert_eq!(elsewhere, FoundClasses::default());
        // The path says another class than the tags.
        let other = found(&[("/homeroom/autumn/", tags("spring", Some(NOW), "us-east-1"))]);
        assert_eq!(other.classes.len(), 1);
        let (name, class) = other.classes.iter().next().unwrap();
        assert_eq!(
            (name.as_str(), class.ownerless, class.labs.len()),
            ("autumn", 1, 0)
        );
        assert_eq!(class.standing(NOW.parse().unwrap()), Standing::Endless);
    }

    #[test]
    fn another_regions_roles_say_nothing_of_this_one() {
        let found = found(&[("/homeroom/spring/", tags("spring", Some(NOW), "eu-west-1"))]);
        let class = found.classes.values().next().unwrap();
        assert_eq!(class.standing(NOW.parse().unwrap()), Standing::Endless);
        assert_eq!(class.elsewhere, ["eu-west-1".to_owned()].into());
    }

    #[test]
    fn what_a_student_can_write_gives_a_class_no_end_and_no_student() {
        let mut found = FoundClasses::default();
        found.add_function(
            "homeroom class=autumn student=user9 lab=lab6 until=2020-01-01T00:00:00Z",
        );
        let class = found.classes.values().next().unwrap();
        assert_eq!(class.standing(NOW.parse().unwrap()), Standing::Endless);
        assert!(class.labs.values().all(|lab| lab.students.is_empty()));
    }
}
