//! Proves that a student reaches their own stack and nobody else's: by real calls with the student's own key, or, where
//! there is none here, by asking IAM's policy simulator.
//!
//! What is one's own comes first. A key that AWS does not know yet, or a user who is shut out, is denied everything, and
//! that would prove nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, ErrorKind, Operation, Simulation, UserPart};
use crate::evidence::check::{CheckResult, Verdict};
use crate::probe::reach::{OWN_STACK as OWN, Target, questions};

use crate::stack::hints;
use crate::stack::kinds::Observed;
use crate::stack::kinds::Stack;

/// How long a new key and a new policy may take to be known everywhere. AWS gives no figure; a few seconds are usual for
/// a key, and for policies users have seen three minutes.
const KEY_PROPAGATION: Duration = Duration::from_secs(180);
/// Pause between two attempts meanwhile.
const KEY_PAUSE: Duration = Duration::from_secs(2);
/// Things named one by one in a sentence.
const NAMED: usize = 4;

const HINT_REACHED: &str = "nobody may go on with this class: freeze it (`homeroom access freeze`), look at the lab's \
     [access] templates and at what else the user has (groups, other policies), then `homeroom access grant` again";
const HINT_KEY: &str = "give the student an access key (`homeroom access grant --access-keys`), then run the same command \
     again: it is proven by real calls then";
const HINT_OWN: &str = "run `homeroom access grant` again: it puts the policies right; if it stays so, look at the lab's \
     [access] templates and at the organization's service control policies";

const OWN_TITLE: &str = "Reaches their own stack";
const ACCOUNT: &str = "account";

/// How it is proven.
#[derive(Debug, Clone, Copy)]
pub enum ProvenBy<'a> {
    /// By real calls: the run's client, with the student's own key.
    Key(&'a Client),
    /// By the policy simulator, in a region.
    Simulator {
        /// The region.
        region: &'a str,
    },
}

/// Whose isolation is proven.
pub struct IsolationSubject<'a> {
    /// The student.
    pub own: &'a Target,
    /// Those whose stacks are tried.
    pub neighbours: &'a [&'a Target],
    /// Whether the student is shut out at the moment.
    pub frozen: bool,
    /// Roles of the student's stack that have not the student's permissions boundary.
    pub unbounded_roles: Vec<String>,
}

/// Roles of a student's stack that have not the permissions boundary that a deployment gives them.
pub(crate) fn unbounded_roles(observed: &Observed, stack: &Stack) -> Vec<String> {
    let unbounded = stack.roles.iter().filter(|role| {
        let actual = observed.roles.get(&role.name);
        actual.is_some_and(|actual| actual.boundary != role.boundary)
    });
    unbounded.map(|role| role.name.clone()).collect()
}

/// Proves one student's isolation; answers every check and tells each as it is answered.
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
            "the student is shut out, and so is denied everything".to_owned(),
            "let the student in (`homeroom access thaw`), then run the same command again",
        )],
        ProvenBy::Key(student) => by_calls(client, subject, student).await?,
        ProvenBy::Simulator { region } => by_simulator(client, subject, region).await?,
    };
    // A role that was made anew after the grant, say: it may do what its policies say and is held by nothing else.
    let (verdict, said, hint) = match subject.unbounded_roles.as_slice() {
        [] => (
            Verdict::Pass,
            "the listing shows it on every role".to_owned(),
            "",
        ),
        roles => (
            Verdict::Fail,
            format!("without it: {}", roles.join(", ")),
            HINT_OWN,
        ),
    };
    let title = "Roles of the stack have their boundary";
    results.push(check("boundary", title, verdict, said, hint));
    for result in &results {
        client.emit(result.finished(&subject.own.student));
    }
    Ok(results)
}

/// What came of trying one thing.
enum Tried {
    Allowed,
    Denied,
    /// Neither: the reason.
    Unclear(String, Option<String>),
}

/// `student`: the run's client with the student's own key, so these calls are paced and made again like every other one.
async fn by_calls(
    client: &Client,
    subject: &IsolationSubject<'_>,
    student: &Client,
) -> Result<Vec<CheckResult>, Cancelled> {
    let mut seen = Sightings::default();
    let began = Instant::now();
    for (operation, thing) in calls(subject.own) {
        let tried = loop {
            let tried = attempt(student, operation, thing).await?;
            let settled = matches!(tried, Tried::Allowed) || began.elapsed() >= KEY_PROPAGATION;
            if settled {
                break tried;
            }
            client.stop().sleep(KEY_PAUSE).await?;
        };
        seen.note(format!("{operation} {thing}"), tried);
    }
    let how = "by calls with their own key";
    let own = seen.must_be_allowed(OWN, OWN_TITLE, how);
    if own.verdict != Verdict::Pass {
        return Ok(vec![own]);
    }
    let mut results = vec![own];
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
    // Names that nobody has: where it is allowed after all, nothing is lost.
    let nobody = format!("homeroom-nobody-{}", subject.own.student);
    let nobody = nobody.as_str();
    let deletion = settle(student.delete_user(nobody).await)?;
    seen.note(format!("{} {nobody}", Operation::DeleteUser), deletion);
    let deletion = settle(student.delete_role(nobody).await)?;
    seen.note(format!("{} {nobody}", Operation::DeleteRole), deletion);
    results.push(seen.must_be_denied(ACCOUNT, "Cannot reach the account's users and roles", how));
    Ok(results)
}

/// What is tried on it by real calls: the operation and the thing. Each is harmless where it is allowed: it reads, or
/// runs a function dry. Of log groups one is enough, since reading them is scarce (5 a second in some regions).
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
    for (id, _) in &target.rest_apis {
        calls.push((Operation::GetStages, id));
    }
    calls
}

/// Makes one harmless call as the student.
async fn attempt(student: &Client, operation: Operation, thing: &str) -> Result<Tried, Cancelled> {
    match operation {
        Operation::DescribeStateMachine => settle(student.describe_state_machine(thing).await),
        Operation::GetFunction => settle(student.get_function(thing).await),
        Operation::InvokeFunction => settle(student.invoke_dry(thing).await),
        Operation::FilterLogEvents => {
            settle(student.log_events_page(thing, 0, Some(1), 1, None).await)
        }
        Operation::GetStages => settle(student.stages(thing).await),
        other => Ok(Tried::Unclear(
            format!("{other} is not tried by calls"),
            None,
        )),
    }
}

/// What an answer says of permission. "Not found" is said to those who may ask.
fn settle<T>(answer: Result<T, CallError>) -> Result<Tried, Cancelled> {
    match answer {
        Ok(_) => Ok(Tried::Allowed),
        Err(CallError::Cancelled) => Err(Cancelled),
        Err(CallError::Cloud(error)) => Ok(match error.kind {
            // IAM refuses so where it was asked for a name that nobody has.
            ErrorKind::AccessDenied | ErrorKind::Unresolved => Tried::Denied,
            ErrorKind::NotFound => Tried::Allowed,
            ErrorKind::Credentials => Tried::Unclear(
                error.to_string(),
                Some(
                    "the key in the credentials' file is not one that AWS knows: `homeroom access grant --rotate \
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
    let own = subject.own;
    let mut reach = Sightings::default();
    let mut account = Sightings::default();
    let mut others: Vec<(&Target, Sightings)> = subject
        .neighbours
        .iter()
        .map(|neighbour| (*neighbour, Sightings::default()))
        .collect();
    for question in questions(own, subject.neighbours) {
        let resources: Vec<String> = question
            .resources
            .iter()
            .flat_map(|(_, resources)| resources.clone())
            .collect();
        let simulation = Simulation {
            user_arn: &own.user_arn,
            actions: &question.actions,
            resources: &resources,
            region,
        };
        let decided = match simulate(client, &simulation).await {
            Ok(decided) => decided,
            Err(CallError::Cancelled) => return Err(Cancelled),
            Err(CallError::Cloud(error)) => {
                let hint = match error.kind {
                    ErrorKind::NotFound => Some(
                        "the student has no IAM user: `homeroom access grant` makes one".to_owned(),
                    ),
                    _ => hints::for_error(&error),
                };
                return Ok(vec![could_not(
                    OWN,
                    OWN_TITLE,
                    error.to_string(),
                    &hint.unwrap_or_default(),
                )]);
            }
        };
        for (whose, resources) in &question.resources {
            for resource in resources {
                for action in &question.actions {
                    let asked = ((*action).to_owned(), resource.clone());
                    let tried = match decided.get(&asked) {
                        Some(true) => Tried::Allowed,
                        Some(false) => Tried::Denied,
                        // Whoever leaves something out is not to be believed in the rest either.
                        None => {
                            let why = "the policy simulator of this endpoint did not answer for";
                            return Ok(vec![could_not(
                                OWN,
                                OWN_TITLE,
                                format!("{why} {action} {resource}"),
                                HINT_KEY,
                            )]);
                        }
                    };
                    let what = format!("{action} {resource}");
                    if *whose == own.student {
                        if question.own.contains(action) {
                            reach.note(what, tried);
                        } else if question.own.is_empty() {
                            account.note(what, tried);
                        }
                    } else if let Some((_, seen)) =
                        others.iter_mut().find(|(other, _)| other.student == *whose)
                    {
                        seen.note(what, tried);
                    }
                }
            }
        }
    }
    let how = "by IAM's policy simulator";
    let own = reach.must_be_allowed(OWN, OWN_TITLE, how);
    if own.verdict != Verdict::Pass {
        return Ok(vec![own]);
    }
    let mut results = vec![own];
    for (neighbour, seen) in others {
        let name = neighbour.student.as_str();
        results.push(seen.must_not_reach(name, how));
    }
    results.push(account.must_be_denied(
        ACCOUNT,
        "Cannot change their own user, policies or roles",
        how,
    ));
    Ok(results)
}

/// Every decision: action and resource, and whether allowed.
async fn simulate(
    client: &Client,
    simulation: &Simulation<'_>,
) -> Result<BTreeMap<(String, String), bool>, CallError> {
    let mut decided = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let page = client.simulate_page(simulation, token.clone()).await?;
        let items = page.items.into_iter();
        decided.extend(items.map(|one| ((one.action, one.resource), one.allowed)));
        token = page.next;
        if token.is_none() {
            return Ok(decided);
        }
    }
}

/// What came of trying several things.
#[derive(Default)]
struct Sightings {
    allowed: Vec<String>,
    denied: Vec<String>,
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

    fn must_be_allowed(self, id: &str, title: &str, how: &str) -> CheckResult {
        let expected = format!("{} allowed, {how}", actions(&self.allowed));
        self.judged(id, title, false, expected, HINT_OWN)
    }

    fn must_be_denied(self, id: &str, title: &str, how: &str) -> CheckResult {
        let expected = format!("{} denied, {how}", actions(&self.denied));
        self.judged(id, title, true, expected, HINT_REACHED)
    }

    fn must_not_reach(self, neighbour: &str, how: &str) -> CheckResult {
        let id = format!("neighbour-{neighbour}");
        let title = format!("Cannot reach {neighbour}'s stack and keys");
        self.must_be_denied(&id, &title, how)
    }

    fn judged(
        self,
        id: &str,
        title: &str,
        denial_wanted: bool,
        expected: String,
        hint: &str,
    ) -> CheckResult {
        let (wrong, right, word) = if denial_wanted {
            (&self.allowed, &self.denied, "allowed")
        } else {
            (&self.denied, &self.allowed, "denied")
        };
        if let Some(first) = wrong.first() {
            let more = wrong.len() - 1;
            let rest = match more {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            return check(
                id,
                title,
                Verdict::Fail,
                format!("{word}: {first}{rest}"),
                hint,
            );
        }
        if let Some((what, why, hint)) = self.unclear.first() {
            return could_not(
                id,
                title,
                format!("{what}: {why}"),
                hint.as_deref().unwrap_or_default(),
            );
        }
        if right.is_empty() {
            let why = "there was nothing to try".to_owned();
            return could_not(id, title, why, "");
        }
        check(id, title, Verdict::Pass, expected, "")
    }
}

/// The actions that were tried, each once.
fn actions(tried: &[String]) -> String {
    let mut names: Vec<&str> = tried
        .iter()
        .filter_map(|what| what.split(' ').next())
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more actions"));
    }
    text
}

fn could_not(id: &str, title: &str, why: String, hint: &str) -> CheckResult {
    check(id, title, Verdict::CouldNotCheck, why, hint)
}

fn check(id: &str, title: &str, verdict: Verdict, evidence: String, hint: &str) -> CheckResult {
    CheckResult::of_stack((id, title), verdict, vec![evidence.into()], hint)
}
