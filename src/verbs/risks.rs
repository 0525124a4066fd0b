//! What the lab asks for beyond what a lab needs: named by `plan`, refused by `deploy` unless `homeroom.toml` allows it.

use crate::error::{Error, Kind, Result};
use crate::events::Failure;
use crate::lab::Risk;

use super::session::Session;

/// The key in `homeroom.toml`.
const SETTING: &str = "allow-in-roles";

/// What the lab asks for and the settings say to it.
struct Judged {
    allowed: Vec<Risk>,
    refused: Vec<Risk>,
    /// What the settings allow and the lab does not ask for.
    idle: Vec<String>,
}

fn judge(session: &Session) -> Judged {
    let class = &session.class;
    split(
        class.lab.risks(&session.desired, &class.students),
        &class.settings.allow_in_roles,
    )
}

fn split(risks: Vec<Risk>, allow: &[String]) -> Judged {
    let asked = |key: &String| risks.iter().any(|risk| risk.key() == *key);
    let idle = allow.iter().filter(|key| !asked(key)).cloned().collect();
    let (allowed, refused) = risks
        .into_iter()
        .partition(|risk| allow.contains(&risk.key()));
    Judged {
        allowed,
        refused,
        idle,
    }
}

/// What `plan` says of it, the allowed as well: the settings may have come with the lab.
pub(super) fn notes(session: &Session) -> Vec<String> {
    let judged = judge(session);
    let refused = judged.refused.iter().map(|risk| {
        let key = risk.key();
        format!("{risk}; deploy refuses this unless homeroom.toml says {SETTING} = [\"{key}\"]")
    });
    let allowed = judged.allowed.iter().map(allows);
    let idle = judged
        .idle
        .iter()
        .map(|key| format!("homeroom.toml allows '{key}', which this lab does not ask for"));
    refused.chain(allowed).chain(idle).collect()
}

/// What `deploy` says that it makes because the settings allow it.
pub(super) fn allowed(session: &Session) -> Vec<String> {
    judge(session).allowed.iter().map(allows).collect()
}

/// With the file by its whole path: where the lab's folder is the current one, the file may be the lab's own.
fn allows(risk: &Risk) -> String {
    let file = std::path::absolute("homeroom.toml").unwrap_or_else(|_| "homeroom.toml".into());
    format!("{risk}; {} allows it", file.display())
}

/// Refuses what the settings do not allow.
///
/// # Errors
/// Of kind [`Kind::Refused`], one failure for each.
pub(super) fn refuse(session: &Session) -> Result<()> {
    let refused = judge(session).refused;
    if refused.is_empty() {
        return Ok(());
    }
    let failures = refused
        .iter()
        .map(|risk| Failure {
            subject: format!("lab {}", session.desired.lab),
            cause: format!("{risk}; nothing was deployed"),
            hint: Some(format!(
                "name the actions, resources or principals exactly in the lab; or, if you trust it with this, write \
                 {SETTING} = [\"{}\"] into homeroom.toml",
                risk.key()
            )), request_id: None,
        })
        .collect();
    Err(Error {
        kind: Kind::Refused,
        failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::RiskKind;

    #[test]
    fn only_what_is_allowed_to_the_letter_is_allowed() {
        let risk = |action: &str| Risk {
            holder: "worker".into(),
            reach: RiskKind::Action(action.into()),
            example: "*".into(),
        };
        let allow = [
            "worker: action s3:*".to_owned(),
            "worker: action x".to_owned(),
        ];
        let judged = split(vec![risk("s3:*"), risk("iam:*")], &allow);
        assert_eq!(judged.allowed, [risk("s3:*")]);
        assert_eq!(judged.refused, [risk("iam:*")]);
        assert_eq!(judged.idle, ["worker: action x"]);
    }
}
