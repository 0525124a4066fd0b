//! Who the caller is in AWS, what the account lets them do, and what it has room for: by calls that change nothing, and by
//! IAM's policy simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use jiff::SignedDuration;

use super::policy::resources;
use crate::aws::rights::{Errand, Right, RightOn};
use crate::aws::stop::Cancelled;
use crate::aws::{
    CallError, CallResult, Client, CloudError, ErrorKind, Operation, Principal, Simulation,
};
use crate::ids::{ApiType, ClassName, Scope, Username};
use crate::lab::Lab;
use crate::report::findings::Finding;
use crate::stack::hints;
use crate::stack::kinds::managed_policy::Purpose;
use crate::stack::kinds::{AccountUse, Desired, Observed};
use crate::stack::limits::{Limit, Limited, broken};
use crate::stack::observe::{Depth, observe};
use crate::stack::ownership::Owner;
use crate::stack::plan::{Plan, StudentPlan, Verdict, deploy};
use crate::text::words::{plural, some_of};

/// AWS refuses a signature that is older or newer than this. Source: IAM user guide, "AWS Signature Version 4": a request
/// must reach AWS within five minutes of its time stamp.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);
/// From here on it is worth mending before it grows.
const SKEW_LARGE: SignedDuration = SignedDuration::from_mins(2);
/// Actions and resources that a line names; the others are counted.
const NAMED: usize = 3;
/// Managed policies that a student's access takes: what they may do, and the boundary of their user.
const POLICIES_OF_ACCESS: u32 = 2;
/// Pages of a thousand roles, users and policies in which the caller's own role is looked for.
const PAGES: usize = 20;

const ROOM: &str = "room";
const ALLOW: &str =
    "allow it: `homeroom doctor --policy` prints the least policy; or use others with --profile";
const DEPLOY_TELLS: &str = "`homeroom deploy` tells it at the first refusals, and stops";

/// Whether this machine's clock agrees with AWS's; `ahead`: by how much it is later, `None` where no answer had a date.
pub(crate) fn clock(ahead: Option<SignedDuration>) -> Finding {
    let about = "clock";
    let Some(ahead) = ahead else {
        let said = "no answer of AWS's had a date to compare with";
        return Finding::unknown(about, said, "compare it yourself: date -u");
    };
    let off = ahead.abs();
    if off < SKEW_LARGE {
        return Finding::ok(about, "agrees with AWS's");
    }
    let word = match ahead.is_positive() {
        true => "ahead of",
        false => "behind",
    };
    let off = match off < SignedDuration::from_hours(2) {
        true => format!("{} min {word} AWS's", off.as_mins()),
        false => format!("{} h {word} AWS's", off.as_hours()),
    };
    let what = format!(
        "{off}; AWS refuses requests that are more than {} min off",
        SKEW_MAX.as_mins()
    );
    let fix = "set the clock: sudo timedatectl set-ntp true (Linux), sudo sntp -sS time.apple.com (macOS)";
    Finding::problem(about, what, fix)
}

/// What the answer to "who am I" tells; and whether it is another account than the one that was asked for.
pub(crate) fn identified(
    arn: &str,
    scope: &Scope,
    guard: Option<&str>,
    is_aws: bool,
) -> (Vec<Finding>, bool) {
    let (account, region) = (&scope.account, &scope.region);
    let wrong = guard.is_some_and(|guard| guard != account);
    let of_account = match guard {
        Some(guard) if wrong => Finding::problem(
            "account",
            format!(
                "{account}, and --account or homeroom.toml allows {guard} only; nothing more was asked"
            ),
            "choose the right account with --profile, or change --account",
        ),
        Some(_) => Finding::ok(
            "account",
            format!("{account}, as --account or homeroom.toml says"),
        ),
        // A guard is of AWS: an endpoint in its place has any account.
        None if !is_aws => Finding::ok("account", account),
        None => Finding::ok(
            "account",
            format!(
                "{account}; write `account = \"{account}\"` into homeroom.toml, and no other is touched"
            ),
        ),
    };
    let place = match is_aws {
        true => Finding::ok("region", format!("{region} answered")),
        false => Finding::ok("endpoint", format!("answered for {region}")),
    };
    (vec![Finding::ok("identity", arn), of_account, place], wrong)
}

/// Where nobody is known, nothing more is asked.
pub(crate) fn unasked() -> Finding {
    let said = "permissions and room were not looked at: AWS has to know you first";
    Finding::unknown(
        "aws",
        said,
        "mend what is above, then run the same command again",
    )
}

/// The listings that every verb begins with, and figures of the account: each is called for real.
pub const LISTED: [Operation; 10] = [
    Operation::GetAccountSummary,
    Operation::GetAccountSettings,
    Operation::GetAccountAuthorizationDetails,
    Operation::ListFunctions,
    Operation::ListStateMachines,
    Operation::DescribeLogGroups,
    Operation::ListAccountAliases,
    Operation::GetAccountPasswordPolicy,
    Operation::GetRestApis,
    Operation::GetApis,
];

/// The answers of [`LISTED`].
struct Listings {
    asked: usize,
    refused: Vec<CloudError>,
    account: AccountUse,
    /// The ARN of the caller's role, where they have one and it is in the list.
    role_arn: Option<String>,
}

impl Listings {
    /// Asks for each. `role`: the name of the caller's role.
    ///
    /// # Errors
    /// When the run is stopped.
    async fn ask(client: &Client, scope: &Scope, role: Option<&str>) -> Result<Self, Cancelled> {
        let mut it = Self {
            asked: 0,
            refused: Vec::new(),
            account: AccountUse::default(),
            role_arn: None,
        };
        if let Some(summary) = it.one(client.account_summary()).await? {
            it.account = summary;
        }
        if let Some(concurrency) = it.one(client.concurrency()).await? {
            it.account.concurrency_quota = concurrency.concurrency_quota;
            it.account.concurrency_reserved = concurrency.concurrency_reserved;
        }
        it.principals(client, scope, role).await?;
        it.one(client.functions_page(None)).await?;
        it.one(client.state_machines_page(None)).await?;
        it.one(client.log_groups_page("", None)).await?;
        it.one(client.account_alias()).await?;
        it.one(client.shortest_password()).await?;
        let mut apis = Some(0);
        for api_type in ApiType::ALL {
            let mut token = None;
            loop {
                let Some(page) = it.one(client.apis_page(api_type, token)).await? else {
                    apis = None;
                    break;
                };
                apis = apis.map(|apis| apis + page.items.len());
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        it.account.apis = apis.and_then(|apis| u32::try_from(apis).ok());
        Ok(it)
    }

    async fn one<T>(
        &mut self,
        call: impl Future<Output = CallResult<T>>,
    ) -> Result<Option<T>, Cancelled> {
        self.asked += 1;
        match call.await {
            Ok(answer) => Ok(Some(answer)),
            Err(CallError::Cancelled) => Err(Cancelled),
            Err(CallError::Cloud(error)) => {
                self.refused.push(error);
                Ok(None)
            }
        }
    }

    /// The listing of roles, which has the path of the caller's own: AWS's answer to "who am I" leaves it out.
    async fn principals(
        &mut self,
        client: &Client,
        scope: &Scope,
        role: Option<&str>,
    ) -> Result<(), Cancelled> {
        let mut token = None;
        for _ in 0..PAGES {
            let Some(page) = self.one(client.principals_page(token)).await? else {
                return Ok(());
            };
            self.role_arn = page.items.iter().find_map(|one| match one {
                Principal::Role(seen) if Some(seen.name.as_str()) == role => {
                    let (partition, account) = (&scope.partition, &scope.account);
                    let (path, name) = (&seen.path, &seen.name);
                    Some(format!("arn:{partition}:iam::{account}:role{path}{name}"))
                }
                _ => None,
            });
            token = page.next;
            if role.is_none() || self.role_arn.is_some() || token.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One line where all answered, else one for each that did not.
    fn findings(&self, region: &str) -> Vec<Finding> {
        if self.refused.is_empty() {
            let calls = plural(self.asked, "call");
            return vec![Finding::ok("listings", format!("{calls} answered"))];
        }
        let finding = |error: &CloudError| {
            let fix = hints::for_error_in(error, Some(region)).unwrap_or_default();
            match error.kind {
                ErrorKind::AccessDenied | ErrorKind::Credentials | ErrorKind::Unreachable => {
                    Finding::problem("listings", error.in_full(), fix)
                }
                _ => Finding::unknown("listings", error.in_full(), fix),
            }
        };
        self.refused.iter().map(finding).collect()
    }
}

/// Whose policies the simulator is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Simulable {
    /// ARN of a user or role.
    Principal(String),
    /// The account itself, which no policy of its own limits.
    Root,
    /// The name of a role whose ARN the listing has to tell.
    RoleOf(String),
    /// A federated user, or nobody that this knows.
    Nobody,
}

impl Simulable {
    /// Of the ARN that AWS says. Source: STS API reference, GetCallerIdentity; IAM API reference, SimulatePrincipalPolicy,
    /// which takes no ARN of a session.
    fn of(arn: &str) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, _, resource] = parts[..] else {
            return Self::Nobody;
        };
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Self::Root,
            ("iam", Some(("user" | "role", _))) => Self::Principal(arn.to_owned()),
            ("sts", Some(("assumed-role", rest))) => {
                let name = rest.split('/').next().unwrap_or_default();
                Self::RoleOf(name.to_owned())
            }
            _ => Self::Nobody,
        }
    }

    fn role(&self) -> Option<&str> {
        match self {
            Self::RoleOf(name) => Some(name),
            _ => None,
        }
    }
}

/// What is asked about.
pub struct Visit<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Account and region.
    pub scope: &'a Scope,
    /// The ARN that AWS says the caller has.
    pub caller_arn: &'a str,
    /// The class.
    pub class: &'a ClassName,
    /// Whose stack stands for all in the simulator's questions.
    pub student: &'a Username,
    /// What the students should have; `None` where only a roster could say it.
    pub desired: Option<&'a Desired>,
    /// Whether these are students of a roster, whose stacks may stand already.
    pub in_roster: bool,
    /// The boundary of every role, in the place of the lab's own.
    pub role_boundary: Option<&'a str>,
}

/// Looks at everything that an identity is needed for. Every call only reads.
///
/// # Errors
/// When the run is stopped.
pub async fn visit(client: &Client, visit: &Visit<'_>) -> Result<Vec<Finding>, Cancelled> {
    let principal = Simulable::of(visit.caller_arn);
    let listings = Listings::ask(client, visit.scope, principal.role()).await?;
    let mut findings = listings.findings(&visit.scope.region);
    let role_arn = listings.role_arn.as_deref();
    findings.extend(permissions(client, &principal, role_arn, visit).await?);
    let Some(desired) = visit.desired else {
        let said = "this lab needs what only a roster says of its students";
        let fix = "name the class's roster with --roster";
        findings.push(Finding::unknown(ROOM, said, fix));
        return Ok(findings);
    };
    let observed = match visit.in_roster {
        true => observe(client, desired, &Depth::Deploy).await?,
        false => Observed::default(),
    };
    if let Some(gap) = observed.gaps.first() {
        let said = format!("what stands of the class could not be seen: {}", gap.cause);
        findings.push(Finding::unknown(ROOM, said, ALLOW));
        return Ok(findings);
    }
    let mut plan = deploy::plan(desired, &observed, false);
    plan.account = listings.account;
    let limits = limits(&plan, &observed, visit.lab.has_access());
    findings.extend(left_alone(&plan));
    let students = plan.students.iter().filter(|one| !one.is_blocked()).count();
    findings.extend(room(&limits, students, visit.in_roster));
    Ok(findings)
}

/// The students whom a deployment would leave alone.
fn left_alone(plan: &Plan) -> Vec<Finding> {
    let fix = "`homeroom plan` names each, and what to do";
    let of = |what: &dyn Fn(&&StudentPlan) -> bool| plan.students.iter().filter(what).count();
    let is_conflict = |one: &&StudentPlan| one.first(Verdict::Conflict).is_some();
    let conflicts = of(&is_conflict);
    let unseen = of(&|one| one.is_blocked() && !is_conflict(one));
    let mut findings = Vec::new();
    if conflicts > 0 {
        let said = format!(
            "{} in conflict: something with their names is not provably homeroom's",
            plural(conflicts, "student")
        );
        findings.push(Finding::problem(ROOM, said, fix));
    }
    if unseen > 0 {
        let said = format!(
            "whether the stacks of {} stand could not be seen",
            plural(unseen, "student")
        );
        findings.push(Finding::unknown(ROOM, said, fix));
    }
    findings
}

impl Visit<'_> {
    /// The permissions boundary that homeroom gives to what it makes. Organizations may demand one.
    fn boundary(&self, reach: RightOn) -> Option<String> {
        let owner = Owner {
            class: self.class.clone(),
            student: self.student.clone(),
            lab: self.lab.id().clone(),
        };
        let of_lab = |purpose: Purpose| {
            let name = purpose.name(self.scope, &owner);
            self.lab
                .has_access()
                .then(|| self.scope.policy_arn(self.class, &name))
        };
        match reach {
            RightOn::Roles => {
                let named = self.role_boundary.map(str::to_owned);
                named.or_else(|| of_lab(Purpose::Roles))
            }
            RightOn::Users => of_lab(Purpose::Boundary),
            _ => None,
        }
    }

    /// Names in the place of the patterns' stars. The simulator takes what it is given as it stands.
    fn resources(&self, reach: RightOn) -> Vec<String> {
        let (class, student) = (self.class, self.student);
        let patterns = self.lab.name_patterns();
        let mut named = patterns
            .iter()
            .filter(|pattern| Some(pattern.kind) == reach.kind());
        match reach {
            RightOn::Roles | RightOn::RolesFor(_) => named
                .map(|role| self.scope.role_arn(class, &role.name(student)))
                .collect(),
            RightOn::Apis(of) => {
                let any = named.next();
                any.map(|_| self.scope.api_arn(of, "a1b2c3d4e5"))
                    .into_iter()
                    .collect()
            }
            RightOn::Everything => vec!["*".to_owned()],
            _ => resources(reach, self.lab, self.scope)
                .into_iter()
                .map(|pattern| match reach {
                    RightOn::Users | RightOn::Policies => {
                        pattern.replace('*', &format!("{class}/{student}"))
                    }
                    _ => pattern.replace('*', student.as_str()),
                })
                .collect(),
        }
    }
}

/// What the simulator decided.
#[derive(Debug, Default)]
struct Decisions {
    allowed: BTreeMap<Errand, BTreeSet<&'static str>>,
    /// Action and resource, by what it is needed for; and whether the organization forbids it.
    denied: BTreeMap<Errand, Vec<(String, bool)>>,
    /// Action, resource and the keys that a condition asks for.
    conditional: BTreeMap<Errand, Vec<String>>,
    /// Actions without an answer for one of their resources.
    unanswered: BTreeMap<Errand, BTreeSet<&'static str>>,
    /// Whether the simulator said anything of the organization's policies.
    organization: bool,
}

/// Asks the simulator for every right of the table.
///
/// # Errors
/// When the run is stopped.
async fn permissions(
    client: &Client,
    principal: &Simulable,
    role_arn: Option<&str>,
    visit: &Visit<'_>,
) -> Result<Vec<Finding>, Cancelled> {
    let about = "permissions";
    let arn = match (principal, role_arn) {
        (Simulable::Root, _) => {
            let said = "the account's root user may do all that no service control policy forbids";
            return Ok(vec![Finding::ok(about, said)]);
        }
        (Simulable::Principal(arn), _) => arn.as_str(),
        (Simulable::RoleOf(_), Some(arn)) => arn,
        (Simulable::RoleOf(name), None) => {
            let said = format!(
                "role {name} was not found in the account's list, so IAM's simulator cannot be asked about it"
            );
            return Ok(vec![Finding::unknown(about, said, DEPLOY_TELLS)]);
        }
        (Simulable::Nobody, _) => {
            let said =
                "IAM's simulator knows users and roles only, and these credentials are of neither";
            return Ok(vec![Finding::unknown(about, said, DEPLOY_TELLS)]);
        }
    };
    let mut decisions = Decisions::default();
    for (reach, actions) in asked_actions() {
        match simulate(client, arn, visit, reach, &actions, &mut decisions).await {
            Ok(()) => {}
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(error)) => {
                let said = format!(
                    "what you may change is not known: IAM's simulator did not answer: {}",
                    error.in_full()
                );
                let fix = format!(
                    "allow iam:SimulatePrincipalPolicy on {arn} (`homeroom doctor --policy` has it); or: {DEPLOY_TELLS}"
                );
                return Ok(vec![Finding::unknown(about, said, fix)]);
            }
        }
    }
    Ok(decisions.findings())
}

/// The table's rights by what they are about, each with what it is needed for first. What no resource narrows and the
/// listings have asked for real is left out.
fn asked_actions() -> BTreeMap<RightOn, BTreeMap<&'static str, Errand>> {
    let mut asked: BTreeMap<RightOn, BTreeMap<&'static str, Errand>> = BTreeMap::new();
    for operation in Operation::ALL {
        let is_asked =
            |right: &Right| right.on != RightOn::Everything || !LISTED.contains(operation);
        for Right { action, on } in operation.rights().into_iter().filter(is_asked) {
            let first = asked.entry(on).or_default().entry(action);
            let errand = first.or_insert(operation.errand());
            *errand = (*errand).min(operation.errand());
        }
    }
    asked
}

async fn simulate(
    client: &Client,
    arn: &str,
    visit: &Visit<'_>,
    reach: RightOn,
    actions: &BTreeMap<&'static str, Errand>,
    decisions: &mut Decisions,
) -> Result<(), CallError> {
    let resources = visit.resources(reach);
    if resources.is_empty() {
        return Ok(());
    }
    let boundary = visit.boundary(reach);
    let names: Vec<&'static str> = actions.keys().copied().collect();
    let simulation = Simulation {
        principal_arn: arn,
        actions: &names,
        resources: &resources,
        region: &visit.scope.region,
        passed_to: match reach {
            RightOn::RolesFor(service) => Some(service),
            _ => None,
        },
        boundary: boundary.as_deref(),
    };
    let mut open: BTreeSet<(&'static str, &str)> = names
        .iter()
        .flat_map(|action| resources.iter().map(move |arn| (*action, arn.as_str())))
        .collect();
    let mut token = None;
    loop {
        let page = client.simulate_page(&simulation, token).await?;
        for one in page.items {
            let key = (one.action.as_str(), one.resource.as_str());
            let known = open.iter().find(|asked| **asked == key).copied();
            let Some((action, resource)) = known else {
                continue;
            };
            open.remove(&(action, resource));
            let Some(errand) = actions.get(action).copied() else {
                continue;
            };
            decisions.organization |= one.organization.is_some();
            match one.allowed {
                true => {
                    decisions.allowed.entry(errand).or_default().insert(action);
                }
                false if !one.missing_keys.is_empty() => {
                    let keys = one.missing_keys.join(", ");
                    let conditional = decisions.conditional.entry(errand).or_default();
                    conditional.push(format!("{action} on {resource} ({keys})"));
                }
                false => {
                    let forbidden = one.organization == Some(false);
                    let denied = decisions.denied.entry(errand).or_default();
                    denied.push((format!("{action} on {resource}"), forbidden));
                }
            }
        }
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    for (action, errand) in actions {
        if open.iter().any(|(unanswered, _)| unanswered == action) {
            decisions
                .unanswered
                .entry(*errand)
                .or_default()
                .insert(*action);
        }
    }
    Ok(())
}

impl Decisions {
    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Errand::ALL
            .into_iter()
            .filter_map(|errand| self.finding(errand))
            .collect();
        let forbidden = self.denied.values().flatten().any(|(_, by_scp)| *by_scp);
        let about = "organization";
        findings.extend(match (self.organization, forbidden) {
            // The lines above say it.
            (_, true) => None,
            (true, false) => Some(Finding::ok(
                about,
                "its service control policies forbid none of this, by IAM's simulator",
            )),
            (false, false) => Some(Finding::unknown(
                about,
                "IAM's simulator says nothing of service control policies: perhaps the account is in no organization",
                format!("nothing to do if it is in none; else {DEPLOY_TELLS}"),
            )),
        });
        findings
    }

    fn finding(&self, errand: Errand) -> Option<Finding> {
        let about = match errand {
            Errand::Plan => "plan",
            Errand::Deploy => "deploy",
            Errand::Validate => "validate",
            Errand::Access => "access",
            Errand::Read => "status",
            Errand::Teardown => "teardown",
        };
        if let Some(denied) = self.denied.get(&errand) {
            let names: Vec<&str> = denied.iter().map(|(what, _)| what.as_str()).collect();
            let said = format!("denied, by IAM's simulator: {}", some_of(&names, NAMED));
            let fix = match denied.iter().any(|(_, by_scp)| *by_scp) {
                true => {
                    "a service control policy of the organization forbids it: use another region (--region), or ask \
                         whoever runs the organization"
                }
                false => ALLOW,
            };
            return Some(Finding::problem(about, said, fix));
        }
        if let Some(conditional) = self.conditional.get(&errand) {
            let names: Vec<&str> = conditional.iter().map(String::as_str).collect();
            let names = some_of(&names, NAMED);
            let said = format!("depends on a condition that IAM's simulator cannot judge: {names}");
            return Some(Finding::unknown(about, said, DEPLOY_TELLS));
        }
        if let Some(unanswered) = self.unanswered.get(&errand) {
            let actions: Vec<&str> = unanswered.iter().copied().collect();
            let actions = some_of(&actions, NAMED);
            let said = format!("IAM's simulator did not answer for each resource of {actions}");
            return Some(Finding::unknown(about, said, DEPLOY_TELLS));
        }
        let allowed = self.allowed.get(&errand)?;
        let said = format!(
            "{} allowed, by IAM's simulator",
            plural(allowed.len(), "action")
        );
        Some(Finding::ok(about, said))
    }
}

/// What the class takes of the account, access included.
fn limits(plan: &Plan, observed: &Observed, has_access: bool) -> Vec<Limit> {
    let mut limits = plan.limits_of_stacks();
    if !has_access {
        return limits;
    }
    let students = plan.students.iter().map(|s| s.owner.student.as_str());
    let without = students.filter(|name| !observed.users.contains_key(*name));
    let without = u32::try_from(without.count()).unwrap_or(u32::MAX);
    for limit in &mut limits {
        if limit.what == Limited::Policies {
            limit.adds = limit
                .adds
                .saturating_add(without.saturating_mul(POLICIES_OF_ACCESS));
        }
    }
    limits.push(Limit {
        what: Limited::Users,
        used: plan.account.users,
        adds: without,
        quota: plan.account.users_quota,
    });
    limits
}

/// Whether there is room for so many students.
fn room(limits: &[Limit], students: usize, in_roster: bool) -> Vec<Finding> {
    let about = ROOM;
    if students == 0 {
        return Vec::new();
    }
    if limits.iter().all(|limit| limit.adds == 0) {
        let said = format!(
            "the stacks of {} stand already",
            plural(students, "student")
        );
        return vec![Finding::ok(about, said)];
    }
    let finding = |limit: &Limit| {
        let what = limit.what;
        let (Some(used), Some(quota)) = (limit.used, limit.quota) else {
            let said = format!("{what}: could not be read");
            return Finding::unknown(about, said, "look in the Service Quotas console");
        };
        let adds = limit.adds;
        let mut said = format!(
            "{what}: {used} of {quota} in use, {adds} more for {}",
            plural(students, "student")
        );
        if !in_roster {
            // Without a roster nobody knows how many there are: this tells how many could be.
            let each = (f64::from(adds) / students.max(1) as f64).max(1.0);
            let fit = (f64::from(quota.saturating_sub(used)) / each) as usize;
            said = format!("{said}; room for {fit} in all");
        }
        match broken(std::slice::from_ref(limit)).pop() {
            None => Finding::ok(about, said),
            Some(failure) => Finding::problem(about, said, failure.hint.unwrap_or_default()),
        }
    };
    limits
        .iter()
        .filter(|limit| limit.adds > 0)
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bundle;
    use crate::report::findings::Standing;

    #[test]
    fn a_clock_is_good_only_where_it_was_compared_and_agrees() {
        let standing = |minutes: i64| clock(Some(SignedDuration::from_secs(minutes * 60))).standing;
        assert_eq!(clock(None).standing, Standing::Unknown);
        assert_eq!([standing(0), standing(1), standing(-1)], [Standing::Ok; 3]);
        assert_eq!([standing(3), standing(-7)], [Standing::Problem; 2]);
        assert!(
            clock(Some(SignedDuration::from_mins(-7)))
                .said
                .starts_with("7 min behind")
        );
        assert!(
            clock(Some(SignedDuration::from_hours(26)))
                .said
                .starts_with("26 h ahead of")
        );
    }

    #[test]
    fn the_simulator_is_asked_about_the_user_or_the_role_of_a_session() {
        let role = |name: &str| Simulable::RoleOf(name.to_owned());
        for (arn, principal) in [
            ("arn:aws:iam::1:root", Simulable::Root),
            (
                "arn:aws:iam::1:user/staff/teacher",
                Simulable::Principal("arn:aws:iam::1:user/staff/teacher".to_owned()),
            ),
            ("arn:aws-cn:sts::1:assumed-role/Admin/me", role("Admin")),
            ("arn:aws:sts::1:federated-user/me", Simulable::Nobody),
            ("", Simulable::Nobody),
        ] {
            assert_eq!(Simulable::of(arn), principal, "{arn}");
        }
    }

    #[test]
    fn the_simulators_questions_name_no_pattern_but_what_it_stands_for() {
        let lab = bundle::load(None).unwrap();
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
        };
        let visit = Visit {
            lab: &lab,
            scope: &scope,
            caller_arn: "",
            class: &"demo".parse().unwrap(),
            student: &"user1".parse().unwrap(),
            desired: None,
            in_roster: false,
            role_boundary: None,
        };
        let asked = asked_actions();
        assert!(asked.len() > 10);
        for reach in asked.keys().filter(|reach| **reach != RightOn::Everything) {
            for arn in visit.resources(*reach) {
                let log_streams = arn.strip_suffix(":*").unwrap_or(&arn);
                assert!(!log_streams.contains('*'), "{arn}");
            }
        }
        let users = visit.resources(RightOn::Users);
        assert_eq!(
            users,
            ["arn:aws:iam::123456789012:user/homeroom/demo/user1"]
        );
    }

    #[test]
    fn every_right_is_called_for_real_or_asked_of_the_simulator() {
        let asked = asked_actions();
        for operation in Operation::ALL {
            for Right { action, on } in operation.rights() {
                let simulated = asked.get(&on).is_some_and(|it| it.contains_key(action));
                assert!(simulated || LISTED.contains(operation), "{action}");
            }
        }
        assert!(asked[&RightOn::Everything].contains_key("cloudwatch:GetMetricData"));
    }

    #[test]
    fn what_the_simulator_left_out_is_unknown_and_what_it_denied_a_problem() {
        let mut decisions = Decisions::default();
        decisions.allowed.insert(Errand::Plan, ["x:Y"].into());
        decisions.allowed.insert(Errand::Deploy, ["x:Y"].into());
        decisions
            .unanswered
            .insert(Errand::Deploy, ["iam:CreateRole"].into());
        decisions.allowed.insert(Errand::Teardown, ["x:Y"].into());
        let denied = vec![("iam:DeleteRole on x".to_owned(), true)];
        decisions.denied.insert(Errand::Teardown, denied);
        let findings = decisions.findings();
        let standings: Vec<_> = findings.iter().map(|f| (f.about, f.standing)).collect();
        assert_eq!(
            standings,
            [
                ("plan", Standing::Ok),
                ("deploy", Standing::Unknown),
                ("teardown", Standing::Problem)
            ]
        );
        assert!(
            findings[2]
                .fix
                .as_ref()
                .unwrap()
                .contains("whoever runs the organization")
        );
    }

    #[test]
    fn room_is_told_for_the_class_and_without_one_for_how_many() {
        let limit = |used, quota| Limit {
            what: Limited::Roles,
            used,
            adds: 90,
            quota,
        };
        let one = |limit, in_roster| room(&[limit], 30, in_roster).remove(0);
        let found = one(limit(Some(64), Some(1000)), false);
        assert_eq!(found.standing, Standing::Ok);
        assert!(
            found
                .said
                .ends_with("90 more for 30 students; room for 312 in all"),
            "{found:?}"
        );
        let full = one(limit(Some(950), Some(1000)), true);
        assert_eq!(full.standing, Standing::Problem);
        assert!(full.fix.is_some());
        assert_eq!(
            one(limit(None, Some(1000)), true).standing,
            Standing::Unknown
        );
    }
}
