//! A student's stack as the student's own key shows it: each resource asked for by its name, and nothing listed. What a
//! student may not look at (roles, policies) is a gap.

use crate::aws::configured::NoCredentials;
use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, CloudError, ErrorKind, FunctionState};
use crate::error::{Error, Exit};
use crate::stack::hints;
use crate::stack::kinds::kind::{HIDDEN_FROM_STUDENTS, STUDENTS_WORK};
use crate::stack::kinds::search::Search;
use crate::stack::kinds::{Desired, Gap, Observed, api, function, log_group, state_machine};
use crate::stack::observe::Depth;
use crate::stack::ownership::{Owner, Tags};

/// What a student's key shows of the own stack.
#[derive(Debug, Default)]
pub(crate) struct OwnStack {
    pub(crate) observed: Observed,
    /// The functions that are there, with their states.
    pub(crate) functions: Vec<(String, FunctionState)>,
}

impl OwnStack {
    /// What a student's key shows, and did not this time.
    pub(crate) fn unread(&self) -> Vec<Gap> {
        let gaps = self.observed.gaps.iter();
        gaps.filter(|gap| STUDENTS_WORK.contains(&gap.kind))
            .cloned()
            .collect()
    }

    /// Whether nothing of it is there, for certain.
    pub(crate) fn is_absent(&self) -> bool {
        let Observed {
            functions,
            state_machines,
            ..
        } = &self.observed;
        functions.is_empty() && state_machines.is_empty() && self.unread().is_empty()
    }
}

/// Whose the stack is, by the tags of its first resource that is there; `None`: nothing of it is.
///
/// # Errors
/// What could not be read. The first refusal stands for the rest.
pub(crate) async fn record(client: &Client, desired: &Desired) -> Result<Option<Owner>, CallError> {
    let found = |tags: Result<Tags, CallError>| match tags {
        Ok(tags) => Ok(Some(Owner::from_tags(&tags))),
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    };
    for stack in &desired.stacks {
        for function in &stack.functions {
            let state = client.get_function(&function.name).await;
            let tags = state.and_then(|state| state.readable_tags().map_err(CallError::Cloud));
            if let Some(owner) = found(tags)? {
                return Ok(owner);
            }
        }
        for machine in &stack.state_machines {
            let arn = desired.scope.state_machine_arn(&machine.name);
            if let Some(owner) = found(client.state_machine_tags(&arn).await)? {
                return Ok(owner);
            }
        }
    }
    Ok(None)
}

/// Refuses to look with another lab than the stack's, and at what has the student's names and is somebody else's.
///
/// # Errors
/// Says whose it is, and what to do.
pub(crate) fn require(record: &Owner, wanted: &Owner) -> Result<(), Error> {
    let (class, student) = (&record.class, &record.student);
    if (class, student) != (&wanted.class, &wanted.student) {
        let cause = format!(
            "what has your names belongs to student {student} of class {class}, and you are {} of class {}",
            wanted.student, wanted.class
        );
        return Err(Error::new(Exit::General, "your stack", cause).hint("tell your instructor"));
    }
    if record.lab != wanted.lab {
        let cause = format!(
            "your stack is of the lab {}, and this would look with the lab {}",
            record.lab, wanted.lab
        );
        let hint = format!(
            "name the folder of the lab {} with --lab DIR; your instructor has it",
            record.lab
        );
        return Err(Error::new(Exit::Invalid, "lab", cause).hint(hint));
    }
    Ok(())
}

/// Looks at the stack.
///
/// # Errors
/// Only when the run is stopped: what cannot be read is a gap.
pub(crate) async fn observe(client: &Client, desired: &Desired) -> Result<OwnStack, Cancelled> {
    let search = &Search::new(client, desired, &Depth::Deploy);
    let (functions, machines, apis, groups) = tokio::join!(
        function::by_name(search),
        state_machine::by_name(search),
        api::by_name(search),
        log_group::by_name(search),
    );
    let hidden = |kind| Gap {
        kind,
        name: None,
        student: None,
        cause: "only the instructor sees whether it is as it must be".to_owned(),
    };
    // Of APIs and log groups it is seen that they are there, and not whether they have the class's settings.
    let mut gaps: Vec<Gap> = HIDDEN_FROM_STUDENTS.map(hidden).to_vec();
    let (found, more) = functions?;
    gaps.extend(more);
    let (state_machines, more) = machines?;
    gaps.extend(more);
    let (apis, more) = apis?;
    gaps.extend(more);
    let (log_groups, more) = groups?;
    gaps.extend(more);
    let mut own = OwnStack::default();
    for (name, (seen, state)) in found {
        own.functions.push((name.clone(), state));
        own.observed.functions.insert(name, seen);
    }
    own.observed.state_machines = state_machines;
    own.observed.apis = apis;
    own.observed.log_groups = log_groups;
    // A group belongs to whom its function or state machine belongs.
    let functions = own.observed.functions.iter();
    let functions = functions.map(|(name, f)| (function::log_group_of(name), &f.ownership));
    let machines = own.observed.state_machines.iter();
    let machines = machines.map(|(name, m)| (state_machine::log_group_of(name), &m.ownership));
    for (group, ownership) in functions.chain(machines) {
        if let Some(group) = own.observed.log_groups.get_mut(&group) {
            group.ownership = ownership.clone();
        }
    }
    own.observed.gaps = gaps;
    Ok(own)
}

impl Desired {
    /// Takes what homeroom recorded as deployed in the place of what this lab says, where the student changed nothing:
    /// only the instructor has the class's settings, and perhaps a newer lab. Returns the functions whose code in this lab is another
    /// than the one that was deployed: no setting makes that difference.
    pub(crate) fn take_deployed(&mut self, own: &OwnStack) -> Vec<String> {
        let mut edited = Vec::new();
        let scope = self.scope.clone();
        if let Some(retyped) = self.with_api_types(&own.observed) {
            *self = retyped;
        }
        for stack in &mut self.stacks {
            let owner = &stack.owner;
            for function in &mut stack.functions {
                let state = own
                    .functions
                    .iter()
                    .find(|(name, _)| *name == function.name);
                let seen = own.observed.functions.get(&function.name);
                if let (Some(seen), Some((_, state))) = (seen, state)
                    && function.take_deployed(&scope, owner, seen, state.reserved)
                {
                    edited.push(function.name.clone());
                }
            }
            for machine in &mut stack.state_machines {
                let seen = own.observed.state_machines.get(&machine.name);
                if let Some(detail) = seen.and_then(|seen| seen.detail.as_ref()) {
                    machine.take_deployed(&scope, owner, detail);
                }
            }
        }
        edited
    }
}

/// Why a student cannot look, said to the student.
pub(crate) fn cannot_look(error: &CloudError) -> Error {
    let said = |cause: String, hint: &str| Error::new(Exit::General, "your key", cause).hint(hint);
    match error.kind {
        ErrorKind::AccessDenied if is_shut_out(error) => said(
            "your access is shut at the moment: a rule of your instructor's refuses every request"
                .to_owned(),
            "nothing of your work is lost; ask your instructor when it is open again",
        ),
        ErrorKind::AccessDenied => said(
            format!("your key may not make the request that this begins with: {error}"),
            "if your class works with another lab than this one, name its folder with --lab; else ask your instructor",
        ),
        ErrorKind::Credentials => {
            let (cause, hint) = credentials_trouble(&error.code);
            said(format!("{cause} ({})", error.code), hint)
        }
        _ => Error::new(Exit::General, "AWS", error.in_full()).hint_if(hints::for_error(error)),
    }
}

/// Why there can be no key, said to the student.
pub(crate) fn no_key(why: NoCredentials) -> Error {
    if matches!(why, NoCredentials::UnknownProfile { .. }) {
        return why.into();
    }
    let (cause, hint) = credentials_trouble("");
    Error::new(Exit::General, "your key", cause).hint(hint)
}

/// Whether a policy refuses by name, which outweighs every permission: what `access freeze` writes.
fn is_shut_out(error: &CloudError) -> bool {
    let message = &error.message;
    message.contains("explicit deny") && !message.contains("service control policy")
}

/// What is wrong with a key, by AWS's code, and the next step.
fn credentials_trouble(code: &str) -> (&'static str, &'static str) {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => (
            "your session is over",
            "sign in again, or use the access key that your instructor gave you; then run the same command again",
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => (
            "AWS does not know this access key: it was replaced or taken back, or it is not whole",
            "use the newest key that your instructor gave you, copy both of its parts anew, and see that --region is the \
             lab's; then run the same command again",
        ),
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => (
            "the secret access key does not belong to this access key ID",
            "copy both parts of your key anew, then run the same command again",
        ),
        "RequestTimeTooSkewed" => (
            "this computer's clock is wrong",
            "set it, then run the same command again",
        ),
        _ => (
            "there is no access key that can be used",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the key that your instructor gave you, or name a profile \
             that has it with --profile",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Operation;

    fn owner(class: &str, student: &str, lab: &str) -> Owner {
        Owner {
            class: class.parse().unwrap(),
            student: student.parse().unwrap(),
            lab: lab.parse().unwrap(),
        }
    }

    #[test]
    fn another_lab_is_named_and_anothers_stack_is_not_read() {
        let own = owner("demo", "user1", "lab6");
        assert_eq!(require(&own, &own), Ok(()));
        let error = require(&owner("demo", "user1", "lab7"), &own).unwrap_err();
        assert_eq!(error.exit, Exit::Invalid);
        assert!(error.failures[0].hint.as_ref().unwrap().contains("lab7"));
        for other in [
            owner("demo", "user2", "lab6"),
            owner("fall", "user1", "lab7"),
        ] {
            let error = require(&other, &own).unwrap_err();
            assert_eq!(error.exit, Exit::General);
            assert!(
                error.to_string().contains(other.student.as_str()),
                "{error}"
            );
        }
    }

    #[test]
    fn each_refusal_is_one_sentence_for_the_student() {
        use ErrorKind::{AccessDenied, Credentials};
        for (kind, code, message, said) in [
            (
                AccessDenied,
                "AccessDenied",
                "… with an explicit deny in an identity-based policy",
                "your access is shut",
            ),
            (
                AccessDenied,
                "AccessDenied",
                "… with an explicit deny in a service control policy",
                "may not make the request",
            ),
            (
                AccessDenied,
                "AccessDeniedException",
                "… because no identity-based policy allows the lambda:GetFunction action",
                "may not make the request",
            ),
            (Credentials, "ExpiredToken", "", "your session is over"),
            (
                Credentials,
                "InvalidClientTokenId",
                "",
                "does not know this access key",
            ),
            (Credentials, "SignatureDoesNotMatch", "", "does not belong"),
            (
                Credentials,
                "CredentialsNotLoaded",
                "",
                "no access key that can be used",
            ),
        ] {
            let error = cannot_look(&CloudError {
                operation: Operation::GetFunction,
                kind,
                code: code.to_owned(),
                message: message.to_owned(),
                request_id: None,
            });
            assert_eq!(error.exit, Exit::General);
            let failure = &error.failures[0];
            assert!(failure.cause.contains(said), "{failure}");
            assert!(failure.hint.is_some(), "{failure}");
        }
    }
}
