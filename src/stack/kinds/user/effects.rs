//! IAM user: create, put right, issue credentials, shut out, delete whole.

use std::io;

use secrecy::SecretString;

use crate::aws::Operation::*;
use crate::aws::{ErrorKind, UserPart};
use crate::ids::Scope;
use crate::stack::credentials::{AccessKey, Credentials};
use crate::stack::ends::{TAG_UNTIL, tag};
use crate::stack::kinds::{Effect, KindAction, PlannedCalls};
use crate::stack::ownership::{Fingerprint, Tags, of_principal};
use crate::stack::step::{Context, Poll, StepError, or_gone};
use crate::text::json::canonical;

use super::{
    FREEZE_POLICY, Issue, Issued, SESSIONS_POLICY, Spec, TAG_CREDENTIALS, freeze_document,
    sessions_document,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Create {
        user: Spec,
        issue: Issue,
    },
    Update {
        user: Spec,
        boundary: bool,
        attach: bool,
        issue: Issue,
        /// Another value of the tag with the class's end.
        until: Option<String>,
    },
    /// Shuts it out, whatever else it may do, from its next request on.
    Freeze,
    Thaw,
    Delete {
        inline: Vec<String>,
        attached: Vec<String>,
        groups: Vec<String>,
    },
}

impl KindAction for Action {
    fn outline(&self) -> (Effect, PlannedCalls) {
        match self {
            Self::Create { issue, .. } => {
                let mut calls = vec![(CreateUser, 1), (AttachUserPolicy, 1)];
                calls.extend(calls_to_issue(*issue, true));
                (Effect::Create, calls)
            }
            Self::Update {
                boundary,
                attach,
                issue,
                until,
                ..
            } => {
                let mut calls = vec![
                    (PutUserPermissionsBoundary, usize::from(*boundary)),
                    (AttachUserPolicy, usize::from(*attach)),
                    (TagUser, usize::from(until.is_some())),
                ];
                calls.extend(calls_to_issue(*issue, false));
                (Effect::Update, calls)
            }
            Self::Freeze => (Effect::Freeze, vec![(PutUserPolicy, 1)]),
            Self::Thaw => (Effect::Thaw, vec![(DeleteUserPolicy, 1)]),
            Self::Delete {
                inline,
                attached,
                groups,
            } => (
                Effect::Delete,
                vec![
                    (PutUserPolicy, 1),
                    (DeleteLoginProfile, 1),
                    (ListAccessKeys, 1),
                    (DetachUserPolicy, attached.len()),
                    // The policy that ends old sessions goes with the others.
                    (DeleteUserPolicy, inline.len() + 1),
                    (RemoveUserFromGroup, groups.len()),
                    (DeleteUser, 1),
                ],
            ),
        }
    }

    async fn run(&self, cx: &Context<'_>) -> Result<(), StepError> {
        match self {
            Self::Create { user, issue } => create(cx, user, *issue).await,
            Self::Update {
                user,
                boundary,
                attach,
                issue,
                until,
            } => {
                if *boundary {
                    set_boundary(cx, user).await?;
                }
                if *attach {
                    attach_policy(cx, user).await?;
                }
                if let Some(until) = until {
                    put_tag(cx, user, TAG_UNTIL, until.clone()).await?;
                }
                match issue.is_nothing() {
                    true => Ok(()),
                    false => issue_credentials(cx, user, *issue, false).await,
                }
            }
            Self::Freeze => {
                let document = &freeze_document();
                let name = &cx.resource.name;
                let put = cx.client.put_user_policy(name, FREEZE_POLICY, document);
                // A user who is gone is shut out already.
                cx.or_gone_from_iam(put.await).await
            }
            Self::Thaw => remove(cx, UserPart::InlinePolicy, FREEZE_POLICY).await,
            Self::Delete {
                inline,
                attached,
                groups,
            } => delete(cx, inline, attached, groups).await,
        }
    }
}

/// The keys of an older user are listed, and a password that exists already costs one call more.
fn calls_to_issue(issue: Issue, to_new: bool) -> PlannedCalls {
    let tags = usize::from(!issue.is_nothing()) + usize::from(issue.withdraw);
    let deletes_key = issue.withdraw && issue.access_key;
    vec![
        (CreateLoginProfile, usize::from(issue.password)),
        (UpdateLoginProfile, usize::from(issue.withdraw)),
        (ListAccessKeys, usize::from(!to_new && !issue.is_nothing())),
        (DeleteAccessKey, usize::from(deletes_key)),
        (CreateAccessKey, usize::from(issue.access_key)),
        (PutUserPolicy, usize::from(issue.withdraw)),
        (TagUser, tags),
    ]
}

/// AWS's code for a user that still has something.
const DELETE_CONFLICT: &str = "DeleteConflict";

async fn create(cx: &Context<'_>, user: &Spec, issue: Issue) -> Result<(), StepError> {
    let name = user.name.as_str();
    let path = &Scope::role_path(cx.class());
    let boundary = &cx.scope.policy_arn(cx.class(), &user.boundary.name);
    let mut tags = cx.owner.tags(cx.scope, &fingerprint(user));
    tags.extend(tag(user.until));
    let tags = &tags;
    // The boundary was made a moment ago, and need not be visible everywhere yet.
    let created = cx.call_about_new(|| cx.client.create_user(name, path, boundary, tags));
    let is_new = match created.await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            cx.principal_made();
            prove_ours(cx, name).await?;
            set_boundary(cx, user).await?;
            false
        }
        other => {
            other?;
            cx.principal_made();
            true
        }
    };
    attach_policy(cx, user).await?;
    issue_credentials(cx, user, issue, is_new).await
}

/// Deletes the user with everything it has; first what lets somebody in.
async fn delete(
    cx: &Context<'_>,
    inline: &[String],
    attached: &[String],
    groups: &[String],
) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    // First of all: otherwise temporary credentials would work until the user is gone.
    let mut inline = inline.to_vec();
    if end_sessions(cx, name).await? && !inline.iter().any(|name| name == SESSIONS_POLICY) {
        inline.push(SESSIONS_POLICY.to_owned());
    }
    let closed = cx.client.delete_login_profile(name);
    cx.or_gone_from_iam(closed.await).await?;
    let parts = [
        (UserPart::AccessKey, list(cx, UserPart::AccessKey).await?),
        (UserPart::AttachedPolicy, attached.to_vec()),
        (UserPart::InlinePolicy, inline),
        (UserPart::Group, groups.to_vec()),
    ];
    for (part, ids) in parts {
        for id in ids {
            remove(cx, part, &id).await?;
        }
    }
    let mut poll = Poll::visibility();
    loop {
        let deleted = cx.client.delete_user(name);
        match cx.or_gone_from_iam(deleted.await).await {
            // Most users have nothing else, so the rest is listed only when AWS refuses because of it.
            Err(StepError::Cloud(error)) if error.code == DELETE_CONFLICT => {
                empty(cx).await?;
                poll.again_after(cx, "the user to be empty", error).await?;
            }
            other => return other,
        }
    }
}

/// Denies everything to sessions that were issued until now; returns whether the user was there.
async fn end_sessions(cx: &Context<'_>, name: &str) -> Result<bool, StepError> {
    let document = &sessions_document(&jiff::Timestamp::now().to_string());
    let put = cx.client.put_user_policy(name, SESSIONS_POLICY, document);
    match put.await {
        Ok(()) => Ok(true),
        Err(error) => cx.or_gone_from_iam(Err(error)).await.map(|()| false),
    }
}

/// Removes everything that a user can have.
async fn empty(cx: &Context<'_>) -> Result<(), StepError> {
    for part in UserPart::ALL {
        for id in list(cx, part).await? {
            remove(cx, part, &id).await?;
            // A virtual device lives on without its user. If the run is killed right here, the device stays: no later run
            // knows whose it was. It opens nothing.
            if part == UserPart::MfaDevice && id.contains(":mfa/") {
                or_gone(cx.client.delete_virtual_mfa_device(&id).await)?;
            }
        }
    }
    Ok(())
}

async fn list(cx: &Context<'_>, part: UserPart) -> Result<Vec<String>, StepError> {
    let name = cx.resource.name.as_str();
    let listed = cx.client.user_parts(name, part);
    match listed.await {
        Ok(ids) => Ok(ids),
        // Nothing of a user who is gone.
        Err(error) => cx.or_gone_from_iam(Err(error)).await.map(|()| Vec::new()),
    }
}

async fn remove(cx: &Context<'_>, part: UserPart, id: &str) -> Result<(), StepError> {
    let name = cx.resource.name.as_str();
    let removed = cx.client.remove_user_part(name, part, id);
    cx.or_gone_from_iam(removed.await).await
}

/// For the user's tag: what was deployed.
fn fingerprint(user: &Spec) -> Fingerprint {
    Fingerprint::of([
        canonical(&user.policy.document).as_str(),
        canonical(&user.boundary.document).as_str(),
    ])
}

async fn prove_ours(cx: &Context<'_>, name: &str) -> Result<(), StepError> {
    let head = cx.call_about_new(|| cx.client.get_user(name)).await?;
    let ownership = of_principal(&head.path, &head.tags, cx.scope, cx.class(), None);
    cx.prove(&ownership)
}

async fn set_boundary(cx: &Context<'_>, user: &Spec) -> Result<(), StepError> {
    let boundary = &cx.scope.policy_arn(cx.class(), &user.boundary.name);
    let set = cx.call_about_new(|| cx.client.put_user_boundary(&user.name, boundary));
    set.await
}

async fn attach_policy(cx: &Context<'_>, user: &Spec) -> Result<(), StepError> {
    let policy = &cx.scope.policy_arn(cx.class(), &user.policy.name);
    let attached = cx.call_about_new(|| cx.client.attach_user_policy(&user.name, policy));
    attached.await
}

/// Issues a password, a key or both. A password is on the disk before AWS gets it, and a key is on the disk before the
/// user's tag records it. So no crash leaves credentials that nobody knows and that no later run would replace. In the end
/// the user has exactly what its tag says. `is_new`: this step has just made the user, so it has nothing yet.
async fn issue_credentials(
    cx: &Context<'_>,
    user: &Spec,
    issue: Issue,
    is_new: bool,
) -> Result<(), StepError> {
    let no_issuer = || StepError::Stuck("this run cannot issue credentials".to_owned());
    let issuer = cx.issuer.ok_or_else(no_issuer)?;
    let failed = |error: io::Error| StepError::NotKept(error.to_string());
    if issue.withdraw {
        let withdrawn = Issued {
            key_due: issue.then.access_key,
            ..Issued::default()
        };
        record(cx, user, withdrawn).await?;
    }
    // A new password replaces everything in the file, so the file need not be readable then.
    let known = match issue.password {
        true => None,
        false => issuer.known(cx.student()).map_err(failed)?,
    };
    let mut credentials = known.unwrap_or_else(|| Credentials {
        username: cx.student().clone(),
        password: None,
        sign_in_url: issuer.sign_in_url().to_owned(),
        access_key: None,
    });
    if issue.password {
        let password = issuer.password().map_err(failed)?;
        credentials.password = Some(password.clone());
        issuer.keep(&credentials).map_err(failed)?;
        set_password(cx, user, &password).await?;
    }
    if issue.access_key {
        let key = new_key(cx, user, is_new).await?;
        credentials.access_key = Some(key.clone());
        if let Err(error) = issuer.keep(&credentials) {
            // Nobody will ever know its secret. If it cannot be deleted here, the next run deletes it: no tag records it.
            let _ = remove(cx, UserPart::AccessKey, &key.id).await;
            return Err(failed(error));
        }
    } else if !issue.then.access_key && !is_new {
        // A run that was cut off may have left one.
        remove_keys(cx).await?;
    }
    // The old key is gone by now, so nobody can get a newer session with it.
    if issue.withdraw {
        end_sessions(cx, &user.name).await?;
    }
    record(cx, user, issue.then).await
}

async fn record(cx: &Context<'_>, user: &Spec, issued: Issued) -> Result<(), StepError> {
    put_tag(cx, user, TAG_CREDENTIALS, issued.tag_value().to_owned()).await
}

async fn put_tag(cx: &Context<'_>, user: &Spec, key: &str, value: String) -> Result<(), StepError> {
    let tags: &Tags = &[(key.to_owned(), value)].into();
    let tagged = cx.call_about_new(|| cx.client.tag_user(&user.name, tags));
    tagged.await
}

async fn remove_keys(cx: &Context<'_>) -> Result<(), StepError> {
    for id in list(cx, UserPart::AccessKey).await? {
        remove(cx, UserPart::AccessKey, &id).await?;
    }
    Ok(())
}

async fn set_password(
    cx: &Context<'_>,
    user: &Spec,
    password: &SecretString,
) -> Result<(), StepError> {
    let created = cx.call_about_new(|| cx.client.create_login_profile(&user.name, password));
    match created.await {
        Err(error) if error.kind() == Some(ErrorKind::AlreadyExists) => {
            let updated =
                cx.call_about_new(|| cx.client.update_login_profile(&user.name, password));
            updated.await
        }
        other => other,
    }
}

/// A new key in the place of all others: they are to be replaced, or nobody knows their secrets any more.
async fn new_key(cx: &Context<'_>, user: &Spec, is_new: bool) -> Result<AccessKey, StepError> {
    let mut poll = Poll::listing();
    let mut may_have_some = !is_new;
    loop {
        if may_have_some {
            remove_keys(cx).await?;
        }
        let created = cx.call_about_new(|| cx.client.create_access_key(&user.name));
        match created.await {
            // There may be a key now whose secret nobody has seen.
            Err(StepError::Cloud(error)) if error.kind == ErrorKind::Ambiguous => {
                let on = "an answer to CreateAccessKey";
                poll.again_after(cx, on, error).await?;
                may_have_some = true;
            }
            other => return other,
        }
    }
}
