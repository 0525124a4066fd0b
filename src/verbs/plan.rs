//! `plan`: what deploy would do, and whether the account has room for it. Changes nothing.

use super::access::still_frozen;
use super::class::Class;
use super::session::Session;
use crate::aws::configured::{CredentialSource, credential_source};
use crate::aws::pacing::Pacer;
use crate::aws::{CallResult, Client};
use crate::cli::{Cli, PlanArgs};
use crate::error::{Error, Exit, Result};
use crate::events::Command;
use crate::lab::asl;
use crate::options::CloudTarget;
use crate::results::{PlanDigest, RunSummary};
use crate::stack::definitions::refused_definitions;
use crate::stack::elsewhere::Elsewhere;
use crate::stack::forecast::{Forecast, Workload};
use crate::stack::kinds::Kind;
use crate::stack::kinds::Observed;
use crate::stack::kinds::api::{self, cost};
use crate::stack::limits::shown;
use crate::stack::observe::observe;
use crate::stack::plan::{Plan, Verdict, deploy};
use crate::stack::result::StackResult;

pub(super) async fn run(cli: &Cli, args: &PlanArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    let look = session.look(Command::Plan, async |client| {
        let (planned, alias) = tokio::join!(plan(client, &session, false), client.account_alias());
        let (plan, observed) = planned?;
        let refused = refused_definitions(client, &plan).await?;
        Ok::<_, Error>((plan, observed, alias, refused))
    });
    let (plan, observed, alias, refused) = look.await?;
    if !refused.is_empty() {
        return Err(Error::of(Exit::Invalid, refused));
    }
    let students = plan.students.iter();
    let students = students.map(|student| StackResult::planned(student).into());
    let mut notes = notes(&session);
    notes.extend(still_frozen(&session, &observed));
    notes.extend(api::earlier(&session.desired, &observed));
    notes.extend(session.on_end(&plan));
    notes.extend(session.stale_access(&observed));
    let mut ended = session.ended(Command::Plan, students.collect(), notes);
    let pacer = || Pacer::new(session.pace(), &session.quotas());
    // Each estimate begins with full quotas.
    ended.summary.forecast = Some(Forecast {
        deploy: Some(Workload::of(&plan).estimate(&pacer())),
        teardown: Workload::of_teardown(&session.desired).estimate(&pacer()),
    });
    ended.summary.left = session.left(&observed);
    ended.exit = match args.exit_code {
        _ if !plan.gaps.is_empty() => Exit::General,
        true if plan.steps() > 0 => Exit::Changes,
        // A deployment would do nothing, and still some students lack what they should have.
        true if plan.count(Verdict::Conflict) > 0 => Exit::SomeFailed,
        _ => Exit::Done,
    };
    ended.summary.plan = Some(digest(&session, &mut ended.summary, &plan, alias).await);
    ended.summary.gaps = plan.gaps;
    ended.show(&session).await
}

/// The plan as it is shown. `alias`: the account's, as it was read.
async fn digest(
    session: &Session,
    summary: &mut RunSummary,
    plan: &Plan,
    alias: CallResult<Option<String>>,
) -> PlanDigest {
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
    let alias_unread = alias.as_ref().err().map(ToString::to_string);
    if let Some(stamp) = &mut summary.stamp {
        stamp.account.alias = alias.ok().flatten();
    }
    PlanDigest {
        profile,
        keys_from,
        endpoint,
        alias_unread,
        limits: shown(plan.limits_of_stacks()),
        ..PlanDigest::of(&summary.students)
    }
}

/// Looks at the cloud and plans a deployment. Refuses if the students' stacks are in another class, lab or region.
pub(super) async fn plan(
    client: &Client,
    session: &Session,
    reset: bool,
) -> Result<(Plan, Observed)> {
    let observed = observe(client, &session.desired, &session.class.depth()).await?;
    Elsewhere::check_most(&session.desired, &observed)?;
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
    // A person who plans wants to check how the roster was read.
    let mut notes = session.class.roster.details.clone();
    notes.extend(session.risks().notes(&session.class.settings_file()));
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
