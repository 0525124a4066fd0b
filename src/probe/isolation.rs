//! Proves that a student reaches their own stack and nobody else's: by real calls with the student's own key, or, where
//! there is none here, by asking IAM's policy simulator.
//!
//! The own stack comes first. A key that AWS does not know yet, or a user who is shut out, is denied everything, and that would
//! prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, Operation, Simulation, UserPart};
use crate::evidence::check::{CheckResult, Verdict};
use crate::ids::{ApiType, Username};
use crate::probe::reach::{OWN_STACK as OWN, Target, questions};
use crate::stack::alike::Alike;
use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;

/// How long a new key and a new policy may take to be known everywhere. AWS gives no figure. A key usually takes a few
/// seconds; users have seen three minutes for a policy.
const KEY_PROPAGATION: Duration = Duration::from_secs(180);
const KEY_PAUSE: Duration = Duration::from_secs(2);
/// Actions that a sentence names; the others are counted.
const NAMED: usize = 4;

const HINT_REACHED: &str = "nobody may go on with this class: freeze it (`homeroom access freeze`), check the lab's \
     [access] templates and what else the user has (groups, other policies), then run `homeroom access grant` again";
const HINT_KEY: &str = "give the student an access key (`homeroom access grant --access-keys`), then run the same command \
     again: real calls prove it then";
const HINT_OWN: &str = "run `homeroom access grant` again: it puts the policies right; if that does not help, check the \
     lab's [access] templates and the organization's service control policies";

const OWN_TITLE: &str = "Reaches their own stack";
const ACCOUNT: &str = "account";

/// How isolation is proven.
#[derive(Debug, Clone, Copy)]
pub enum ProvenBy<'a> {
    /// By real calls, through the run's client with the student's own key: so they are paced and retried like all others.
    Key(&'a Client),
    /// By IAM's policy simulator.
    Simulator {
        /// Where the calls would go.
        region: &'a str,
    },
}

/// Whose isolation is proven.
pub struct IsolationSubject<'a> {
    /// The student.
    pub own: &'a Target,
    /// The students whose stacks are tried.
    pub neighbours: &'a [&'a Target],
    /// Whether the student is shut out.
    pub frozen: bool,
    /// See [`unbounded_roles`].
    pub unbounded_roles: Vec<String>,
}

/// Roles of a student's stack without the permissions boundary that a deployment gives them.
pub(crate) fn unbounded_roles(observed: &Observed, stack: &Stack) -> Vec<String> {
    let unbounded = stack.roles.iter().filter(|role| {
        let actual = observed.roles.get(&role.name);
        actual.is_some_and(|actual| actual.boundary != role.boundary)
    });
    unbounded.map(|role| role.name.clone()).collect()
}

/// Proves one student's isolation, and emits the result of each check.
///
/// # Errors
/// Only when the run is stopped.
pub async fn prove(
    client: &Client,
    subject: &IsolationSubject<'_>,
    way: ProvenBy<'_>,
) -> Result<Vec<CheckResult>, Cancelled> {
    let mut results = match way {
        _ if subject.frozen => vec![could_not(
            OWN,
            OWN_TITLE,
            "the student is shut out, so everything is denied".to_owned(),
            "let the student in (`homeroom access thaw`), then run the same command again",
        )],
        ProvenBy::Key(student) => by_calls(client, subject, student).await?,
        ProvenBy::Simulator { region } => by_simulator(client, subject, region).await?,
    };
    // A role that was made anew after the grant may have none: then only its policies limit it.
    let (verdict, evidence, hint) = match subject.unbounded_roles.as_slice() {
        [] => {
            let shown = "the listing shows it on every role".to_owned();
            (Verdict::Pass, shown, "")
        }
        roles => {
            let without = format!("without it: {}", roles.join(", "));
            (Verdict::Fail, without, HINT_OWN)
        }
    };
    let title = "Roles of the stack have their boundary";
    results.push(check("boundary", title, verdict, evidence, hint));
    for result in &results {
        client.emit(result.finished(&subject.own.student));
    }
    Ok(results)
}

/// What an attempt shows.
enum Tried {
    Allowed,
    Denied,
    /// Neither: the reason, and a hint.
    Unclear(String, Option<String>),
}

async fn by_calls(
    client: &Client,
    subject: &IsolationSubject<'_>,
    student: &Client,
) -> Result<Vec<CheckResult>, Cancelled> {
    let how = "by calls with their own key";
    let mut seen = Sightings::default();
    let began = Instant::now();
    for (operation, thing) in calls(subject.own) {
        let tried = loop {
            let tried = attempt(student, operation, thing).await?;
            if matches!(tried, Tried::Allowed) || began.elapsed() >= KEY_PROPAGATION {
                break tried;
            }
            client.stop().sleep(KEY_PAUSE).await?;
        };
        seen.note(format!("{operation} {thing}"), tried);
    }
    let mut results = vec![seen.must_reach_own(how)];
    if results[0].verdict != Verdict::Pass {
        return Ok(results);
    }
    for neighbour in subject.neighbours {
        let mut seen = Sightings::default();
        for (operation, thing) in calls(neighbour) {
            let tried = attempt(student, operation, thing).await?;
            seen.note(format!("{operation} {thing}"), tried);
        }
        let name = neighbour.student.as_str();
        let keys = settle(student.user_parts(name, UserPart::AccessKey).await)?;
        seen.note(format!("iam:ListAccessKeys {name}"), keys);
        results.push(seen.must_not_reach(name, how));
    }
    let mut seen = Sightings::default();
    let listing = settle(student.principals_page(None).await)?;
    seen.note(
        Operation::GetAccountAuthorizationDetails.to_string(),
        listing,
    );
    // Nobody has this name, so nothing is lost where the deletion is allowed.
    let nobody = format!("homeroom-nobody-{}", subject.own.student);
    let deletion = settle(student.delete_user(&nobody).await)?;
    seen.note(format!("{} {nobody}", Operation::DeleteUser), deletion);
    let deletion = settle(student.delete_role(&nobody).await)?;
    seen.note(format!("{} {nobody}", Operation::DeleteRole), deletion);
    results.push(seen.must_be_denied(ACCOUNT, "Cannot reach the account's users and roles", how));
    Ok(results)
}

/// The real calls that try a student's resources. Each is harmless where it is allowed: it reads, or invokes a function
/// as a dry run. One log group is enough: reading them is scarce (5 calls per second in some regions).
fn calls(target: &Target) -> Vec<(Operation, &str)> {
    let mut calls = Vec::new();
    for arn in &target.state_machine_arns {
        calls.push((Operation::DescribeStateMachine, arn.as_str()));
    }
    for (name, _) in &target.functions {
        calls.push((Operation::GetFunction, name));
        calls.push((Operation::InvokeFunction, name));
    }
    if let Some((name, _)) = target.log_groups.first() {
        calls.push((Operation::FilterLogEvents, name));
    }
    for (api_type, id, _) in &target.apis {
        let look = match api_type {
            ApiType::Rest => Operation::GetStages,
            ApiType::Http => Operation::GetHttpStages,
        };
        calls.push((look, id));
    }
    calls
}

async fn attempt(student: &Client, operation: Operation, thing: &str) -> Result<Tried, Cancelled> {
    match operation {
        Operation::DescribeStateMachine => settle(student.describe_state_machine(thing).await),
        Operation::GetFunction => settle(student.get_function(thing).await),
        Operation::InvokeFunction => settle(student.invoke_dry(thing).await),
        Operation::FilterLogEvents => {
            settle(student.log_events_page(thing, 0, Some(1), 1, None).await)
        }
        Operation::GetStages => settle(student.stages(thing).await),
        Operation::GetHttpStages => settle(student.http_stages(thing).await),
        other => Ok(Tried::Unclear(
            format!("{other} is not tried by calls"),
            None,
        )),
    }
}

/// What an answer shows. AWS says "not found" only to callers who may ask.
fn settle<T>(answer: Result<T, CallError>) -> Result<Tried, Cancelled> {
    match answer {
        Ok(_) => Ok(Tried::Allowed),
        Err(CallError::Cancelled) => Err(Cancelled),
        Err(CallError::Cloud(error)) => Ok(match error.kind {
            // IAM's refusal for a name that nobody has is `Unresolved`.
            ErrorKind::AccessDenied | ErrorKind::Unresolved => Tried::Denied,
            ErrorKind::NotFound => Tried::Allowed,
            ErrorKind::Credentials => Tried::Unclear(
                error.to_string(),
                Some(
                    "AWS does not know the key in the credentials' file: `homeroom access grant --rotate \
                     --students …` makes a new one"
                        .to_owned(),
                ),
            ),
            _ => Tried::Unclear(error.in_full(), hints::for_error(&error)),
        }),
    }
}

async fn by_simulator(
    client: &Client,
    subject: &IsolationSubject<'_>,
    region: &str,
) -> Result<Vec<CheckResult>, Cancelled> {
    let how = "by IAM's policy simulator";
    let unproven = |why: String, hint: &str| Ok(vec![could_not(OWN, OWN_TITLE, why, hint)]);
    let own = subject.own;
    // An endpoint that has no simulator, or a caller who may not ask it, is the same for every student.
    let operation = Operation::SimulatePrincipalPolicy;
    let alike = Alike::new(client, &own.student, operation);
    let mut reach = Sightings::default();
    let mut account = Sightings::default();
    let mut others: BTreeMap<&Username, Sightings> = BTreeMap::new();
    for question in questions(own, subject.neighbours) {
        let resources = question.resources.iter();
        let resources: Vec<String> = resources.flat_map(|(_, arns)| arns.clone()).collect();
        let simulation = Simulation {
            principal_arn: &own.user_arn,
            actions: &question.actions,
            resources: &resources,
            region,
            passed_to: None,
            boundary: None,
        };
        let decided = match alike.answer(simulate(&alike.client, &simulation)).await {
            Ok(decided) => decided,
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(error)) if error.kind == ErrorKind::NotFound => {
                let hint = "the student has no IAM user: `homeroom access grant` makes one";
                return unproven(error.to_string(), hint);
            }
            Err(CallError::Cloud(error)) => {
                let hint = hints::for_error(&error).unwrap_or_default();
                return unproven(error.to_string(), &hint);
            }
        };
        for (whose, resources) in &question.resources {
            for (resource, action) in resources.iter().flat_map(|resource| {
                question
                    .actions
                    .iter()
                    .map(move |action| (resource, action))
            }) {
                let what = format!("{action} {resource}");
                let tried = match decided.get(&((*action).to_owned(), resource.clone())) {
                    Some(true) => Tried::Allowed,
                    Some(false) => Tried::Denied,
                    // A simulator that leaves something out cannot be trusted with the rest.
                    None => {
                        let why = "IAM's policy simulator leaves some of it undecided, so it proves nothing";
                        return unproven(why.to_owned(), HINT_KEY);
                    }
                };
                if *whose != own.student {
                    let neighbour = subject.neighbours.iter().find(|t| t.student == *whose);
                    if let Some(neighbour) = neighbour {
                        let seen = others.entry(&neighbour.student).or_default();
                        seen.note(what, tried);
                    }
                } else if question.own.contains(action) {
                    reach.note(what, tried);
                } else if question.own.is_empty() {
                    account.note(what, tried);
                }
            }
        }
    }
    let mut results = vec![reach.must_reach_own(how)];
    if results[0].verdict != Verdict::Pass {
        return Ok(results);
    }
    for neighbour in subject.neighbours {
        let seen = others.remove(&neighbour.student).unwrap_or_default();
        results.push(seen.must_not_reach(neighbour.student.as_str(), how));
    }
    let title = "Cannot change their own user, policies or roles";
    results.push(account.must_be_denied(ACCOUNT, title, how));
    Ok(results)
}

/// Whether each action on each resource is allowed. What is not decided is left out.
async fn simulate(
    client: &Client,
    simulation: &Simulation<'_>,
) -> Result<BTreeMap<(String, String), bool>, CallError> {
    let mut decided = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let page = client.simulate_page(simulation, token.clone()).await?;
        let items = page.items.into_iter();
        // With the keys that the question lacks, AWS may decide otherwise.
        let items = items.filter(|one| one.allowed || one.missing_keys.is_empty());
        decided.extend(items.map(|one| ((one.action, one.resource), one.allowed)));
        token = page.next;
        if token.is_none() {
            return Ok(decided);
        }
    }
}

/// What several attempts show: `action resource`.
#[derive(Default)]
struct Sightings {
    allowed: Vec<String>,
    denied: Vec<String>,
    /// With the reason and a hint.
    unclear: Vec<(String, String, Option<String>)>,
}

impl Sightings {
    fn note(&mut self, what: String, tried: Tried) {
        match tried {
            Tried::Allowed => self.allowed.push(what),
            Tried::Denied => self.denied.push(what),
            Tried::Unclear(why, hint) => self.unclear.push((what, why, hint)),
        }
    }

    fn must_reach_own(self, how: &str) -> CheckResult {
        let right = format!("{} allowed, {how}", actions(&self.allowed));
        let wrong = (self.denied.as_slice(), "denied", HINT_OWN);
        judged(OWN, OWN_TITLE, (&self.allowed, right), wrong, &self.unclear)
    }

    fn must_be_denied(self, id: &str, title: &str, how: &str) -> CheckResult {
        let right = format!("{} denied, {how}", actions(&self.denied));
        let wrong = (self.allowed.as_slice(), "allowed", HINT_REACHED);
        judged(id, title, (&self.denied, right), wrong, &self.unclear)
    }

    fn must_not_reach(self, neighbour: &str, how: &str) -> CheckResult {
        let id = format!("neighbour-{neighbour}");
        let title = format!("Cannot reach {neighbour}'s stack and keys");
        self.must_be_denied(&id, &title, how)
    }
}

fn judged(
    id: &str,
    title: &str,
    (right, proof): (&[String], String),
    (wrong, word, hint): (&[String], &str, &str),
    unclear: &[(String, String, Option<String>)],
) -> CheckResult {
    if let [first, more @ ..] = wrong {
        let rest = match more.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let evidence = format!("{word}: {first}{rest}");
        return check(id, title, Verdict::Fail, evidence, hint);
    }
    if let Some((what, why, hint)) = unclear.first() {
        let hint = hint.as_deref().unwrap_or_default();
        return could_not(id, title, format!("{what}: {why}"), hint);
    }
    if right.is_empty() {
        return could_not(id, title, "there was nothing to try".to_owned(), "");
    }
    check(id, title, Verdict::Pass, proof, "")
}

/// The actions that were tried, each once.
fn actions(tried: &[String]) -> String {
    let names = tried.iter().filter_map(|what| what.split(' ').next());
    let names: Vec<&str> = BTreeSet::from_iter(names).into_iter().collect();
    let (named, more) = names.split_at(NAMED.min(names.len()));
    match more.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more actions", named.join(", ")),
    }
}

fn could_not(id: &str, title: &str, why: String, hint: &str) -> CheckResult {
    check(id, title, Verdict::CouldNotCheck, why, hint)
}

fn check(id: &str, title: &str, verdict: Verdict, evidence: String, hint: &str) -> CheckResult {
    CheckResult::of_stack((id, title), verdict, vec![evidence.into()], hint)
}
