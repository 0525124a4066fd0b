//! What the lab asks for beyond what a lab needs: named by `plan`, refused by `deploy` unless `homeroom.toml` allows it.

use std::path::Path;

use crate::error::{Error, Exit, Result};
use crate::ids::LabId;
use crate::lab::Risk;
use crate::text::failure::Failure;

/// The key in `homeroom.toml`.
const SETTING: &str = "allow-in-roles";

/// What a lab asks for, and what the settings say to it.
pub(crate) struct JudgedRisks {
    allowed: Vec<Risk>,
    refused: Vec<Risk>,
    /// Keys that the settings allow and the lab does not ask for.
    idle: Vec<String>,
}

impl JudgedRisks {
    /// A risk is allowed only by its exact key.
    pub(crate) fn of(risks: Vec<Risk>, allow: &[String]) -> Self {
        let asked = |key: &String| risks.iter().any(|risk| risk.key() == *key);
        let idle = allow.iter().filter(|key| !asked(key)).cloned().collect();
        let is_allowed = |risk: &Risk| allow.contains(&risk.key());
        let (allowed, refused) = risks.into_iter().partition(is_allowed);
        Self {
            allowed,
            refused,
            idle,
        }
    }

    /// The notes of `plan`. They name what is allowed, too: the settings may have come with the lab.
    pub(crate) fn notes(&self, settings: &Path) -> Vec<String> {
        let refused = self.refused.iter().map(|risk| {
            let key = risk.key();
            format!("{risk}; deploy refuses this unless homeroom.toml says {SETTING} = [\"{key}\"]")
        });
        let idle = self
            .idle
            .iter()
            .map(|key| format!("homeroom.toml allows '{key}', which this lab does not ask for"));
        refused.chain(self.allowed(settings)).chain(idle).collect()
    }

    /// The notes of `deploy` on what the settings allow. They name the settings' file by its whole path: where the
    /// lab's folder is the current one, the file may be the lab's own.
    pub(crate) fn allowed(&self, settings: &Path) -> Vec<String> {
        let allows = |risk| format!("{risk}; {} allows it", settings.display());
        self.allowed.iter().map(allows).collect()
    }

    /// Refuses what the settings do not allow.
    ///
    /// # Errors
    /// Of kind [`Exit::Refused`], one failure for each.
    pub(crate) fn refuse(&self, lab: &LabId) -> Result<()> {
        if self.refused.is_empty() {
            return Ok(());
        }
        let failures = self.refused.iter().map(|risk| {
            Failure::new(format!("lab {lab}"), format!("{risk}; nothing was deployed")).hint(format!(
                "name the actions, resources or principals exactly in the lab; or, if you trust it with this, write \
                 {SETTING} = [\"{}\"] into homeroom.toml",
                risk.key()
            ))
        });
        Err(Error::of(Exit::Refused, failures.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::risks::RiskKind;

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
        let judged = JudgedRisks::of(vec![risk("s3:*"), risk("iam:*")], &allow);
        assert_eq!(judged.allowed, [risk("s3:*")]);
        assert_eq!(judged.refused, [risk("iam:*")]);
        assert_eq!(judged.idle, ["worker: action x"]);
        let lab = "lab6".parse().unwrap();
        assert_eq!(judged.refuse(&lab).unwrap_err().failures.len(), 1);
    }
}
