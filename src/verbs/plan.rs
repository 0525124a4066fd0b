//! `plan`: what deploy would do, and whether the account has room for it. Changes nothing.

use super::access::still_frozen;
use super::class::Class;
use super::ended::PlaceEnd;
use super::homes::Deed;
use super::session::{At, Session};
use super::sessions::Sessions;
use crate::aws::configured::{CredentialSource, credential_source};
use crate::aws::pacing::Pacer;
use crate::cli::{Cli, PlanArgs};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::lab::asl;
use crate::options::CloudTarget;
use crate::results::{PlacePlan, PlanDigest, Stamp};
use crate::stack::definitions::refused_definitions;
use crate::stack::ends::EndChange;
use crate::stack::forecast::{Forecast, Workload, as_http};
use crate::stack::kinds::Kind;
use crate::stack::kinds::Observed;
use crate::stack::kinds::api::{self, cost};
use crate::stack::limits::shown;
use crate::stack::observe::observe;
use crate::stack::plan::{Plan, Verdict, deploy};
use crate::stack::result::StackResult;

pub(super) async fn run(cli: &Cli, args: &PlanArgs) -> Result<Exit> {
    let sessions = Class::load(cli)?.connect(Deed::Plans).await?;
    sessions.refuse_contradictions()?;
    let look = sessions.look(Command::Plan, async |at| {
        let (planned, alias) = tokio::join!(plan(at, false), at.client.account_alias());
        let (plan, observed) = planned?;
        let definitions = refused_definitions(&at.client, &plan).await?;
        Ok::<_, Error>((((plan, observed), alias), definitions))
    });
    let (seen, definitions): (Vec<_>, Vec<_>) = look.await?.into_iter().unzip();
    let (planned, aliases): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    let mut notes = sessions.check_planned(&planned)?;
    let (refused, unasked): (Vec<_>, Vec<_>) = definitions
        .into_iter()
        .map(|one| (one.refused, one.unasked))
        .unzip();
    let refused = refused.concat();
    if !refused.is_empty() {
        return Err(Error::of(Exit::Invalid, refused));
    }
    // A person who plans wants to check how the roster was read.
    notes.extend(sessions.class.roster.details.clone());
    let mut ends = Vec::new();
    let mut ends_change = EndChange::default();
    let mut exit = Exit::Done;
    for (session, unasked) in sessions.places.iter().zip(unasked) {
        notes.at(session, unasked);
    }
    let plans: Vec<Plan> = planned.iter().map(|(plan, _)| plan.clone()).collect();
    let forecasts = forecasts(&sessions, &plans);
    for (session, (plan, observed)) in sessions.places.iter().zip(&planned) {
        notes.at(session, self::notes(session));
        notes.at(session, still_frozen(session, observed));
        notes.at(session, api::earlier(&session.desired, observed));
        notes.at(session, session.on_end(plan));
        ends_change.add(&session.desired, observed, session.class.settings.ends);
        notes.at(session, with_http(session));
        notes.at(session, session.stale_access(observed));
        exit = exit.or(match args.exit_code {
            _ if !plan.gaps.is_empty() => Exit::General,
            true if plan.steps() > 0 => Exit::Changes,
            // A deployment would do nothing, and still some students lack what they should have.
            true if plan.count(Verdict::Conflict) > 0 => Exit::SomeFailed,
            _ => Exit::Done,
        });
        let students = plan.students.iter();
        let students = students.map(|student| StackResult::planned(student).into());
        ends.push(PlaceEnd {
            students: students.collect(),
            left: session.left(observed),
            gaps: plan.gaps.clone(),
        });
    }
    let mut ended = sessions.ended(Command::Plan, ends, notes);
    ended.summary.forecast = Some(Forecast::side_by_side(forecasts.clone()));
    ended.exit = ended.exit.or(exit);
    let mut digest = PlanDigest::of(&ended.summary.students);
    (digest.ends, digest.ends_change) = (sessions.class.settings.ends, ends_change);
    let shows = plans.iter().zip(forecasts).zip(aliases);
    for (session, ((plan, forecast), alias)) in sessions.places.iter().zip(shows) {
        let source = Caller::of(session).await;
        let alias_unread = alias.as_ref().err().map(ToString::to_string);
        let limits = shown(plan.among(plans.iter(), plan.limits_of_stacks()));
        if let Some(stamp) = &mut ended.summary.stamp {
            set_alias(stamp, session, alias.ok().flatten());
        }
        match &session.place {
            Some(place) => digest.by_place.push(PlacePlan {
                name: place.clone(),
                students: plan.students.len(),
                role_arn: session.assumed_role(),
                profile: source.profile,
                keys_from: source.keys_from,
                endpoint: source.endpoint,
                alias_unread,
                limits,
                forecast,
            }),
            None => {
                digest.profile = source.profile;
                digest.keys_from = source.keys_from;
                digest.endpoint = source.endpoint;
                digest.alias_unread = alias_unread;
                digest.limits = limits;
            }
        }
    }
    ended.summary.plan = Some(digest);
    ended.show(&sessions).await
}

/// What HTTP APIs would save, where the lab leaves the choice.
fn with_http(session: &Session) -> Option<String> {
    let asks = session.class.lab.has_setting("api_type");
    asks.then(|| as_http(&session.desired, || pacer(session)))?
}

fn pacer(session: &Session) -> Pacer {
    Pacer::new(session.pace(), &session.quotas())
}

/// What to expect of each place, each estimate with full quotas.
fn forecasts(sessions: &Sessions, plans: &[Plan]) -> Vec<Forecast> {
    let deploys = sessions.estimates(plans.iter().map(Workload::of));
    let stacks = sessions.places.iter().map(|at| &at.desired);
    let teardowns = sessions.estimates(stacks.map(Workload::of_teardown));
    let both = deploys.into_iter().zip(teardowns);
    let both = both.map(|(deploy, teardown)| Forecast {
        deploy: Some(deploy),
        teardown,
    });
    both.collect()
}

fn set_alias(stamp: &mut Stamp, session: &Session, alias: Option<String>) {
    match &session.place {
        None => stamp.account.alias = alias,
        Some(place) => {
            let mut places = stamp.places.iter_mut();
            let here = places.find(|stamp| stamp.name == *place);
            if let Some(account) = here.and_then(|stamp| stamp.account.as_mut()) {
                account.alias = alias;
            }
        }
    }
}

/// Whose credentials count at a place, and where its calls go.
struct Caller {
    profile: Option<String>,
    keys_from: Option<&'static str>,
    endpoint: Option<String>,
}

impl Caller {
    async fn of(session: &Session) -> Self {
        let (asked, endpoint) = match &session.class.settings.target {
            CloudTarget::Local => (None, Some("embedded".to_owned())),
            CloudTarget::Aws {
                profile,
                endpoint_url,
            } => {
                let endpoint = endpoint_url.as_ref().map(ToString::to_string);
                (profile.as_ref().map(ToString::to_string), endpoint)
            }
        };
        let source = match &session.class.settings.target {
            CloudTarget::Local => None,
            CloudTarget::Aws { .. } => credential_source(asked.as_deref()).await.ok(),
        };
        let (profile, keys_from) = match source {
            Some(CredentialSource::Profile { name, .. }) => (Some(name), None),
            Some(CredentialSource::Variables) => (None, Some("environment")),
            Some(CredentialSource::Instance { .. }) => (None, Some("instance")),
            Some(CredentialSource::Unreadable) | None => (asked, None),
        };
        Self {
            profile,
            keys_from,
            endpoint,
        }
    }
}

/// Looks at the cloud and plans a deployment.
pub(super) async fn plan(at: &At<'_>, reset: bool) -> Result<(Plan, Observed)> {
    let At { session, client } = at;
    let observed = observe(client, &session.desired, &session.class.depth()).await?;
    let mut plan = deploy::plan(&session.desired, &observed, reset);
    if plan.creates_of(Kind::is_in_account_summary) > 0 {
        // Without the right to read it, the limit is shown as unknown.
        let summary = client.account_summary().await.unwrap_or_default();
        plan.account.roles = summary.roles;
        plan.account.roles_quota = summary.roles_quota;
        plan.account.policies = summary.policies;
        plan.account.policies_quota = summary.policies_quota;
    }
    if plan.creates(Kind::Function) > 0 || plan.reserves() > 0 {
        let concurrency = client.concurrency().await.unwrap_or_default();
        plan.account.concurrency_quota = concurrency.concurrency_quota;
        plan.account.concurrency_reserved = concurrency.concurrency_reserved;
    }
    Ok((plan, observed))
}

/// What to know of the class before it is deployed.
fn notes(session: &Session) -> Vec<String> {
    let mut notes = session.risks().notes(&session.class.settings_file());
    notes.extend(asl::remarks(&session.desired));
    let class = &session.class;
    notes.extend(class.lab.policy_remarks(&session.desired, &class.students));
    notes.extend(cost::open_apis(&session.desired));
    notes.extend(roles_bounded_by(session));
    notes
}

/// A note where `role_boundary` takes the place of the lab's boundary: a role can have only one.
fn roles_bounded_by(session: &Session) -> Option<String> {
    let boundary = session.class.settings.role_boundary.as_ref()?;
    let of_lab = match session.class.lab.has_access() {
        true => "; the lab's own boundary holds for the students' users alone",
        false => "",
    };
    Some(format!(
        "every role gets the permissions boundary {boundary} (role_boundary in homeroom.toml){of_lab}"
    ))
}
