//! IAM's policy simulator: the shape of its answers, as the API reference has it; what it decides is for the test to say.
//! Policies themselves are held against a policy engine in `tests/engine/policies`.

use homeroom::strict::{Refusal, Request};

use super::iam::{list, missing};
use super::world::World;

impl World {
    pub(super) fn simulate(&self, request: &Request) -> Result<String, Refusal> {
        let user = request.text("PolicySourceArn");
        let name = user.rsplit('/').next().unwrap_or_default();
        let known = match user.contains(":role/") {
            true => self.roles.contains_key(name),
            // The caller, whom no test makes.
            false => name == "instructor" || self.principals.users.contains_key(name),
        };
        if !known {
            return Err(missing(&format!("The user or role with name {name}")));
        }
        let resources = request.members("ResourceArns", "");
        let keys = request.members("ContextEntries", ".ContextKeyName");
        let word = |allowed: bool| if allowed { "allowed" } else { "implicitDeny" };
        let results: Vec<String> = request
            .members("ActionNames", "")
            .into_iter()
            .map(|action| {
                let missing: Vec<&str> = self
                    .conditions
                    .iter()
                    .filter(|(of, key)| *of == action && !keys.contains(key))
                    .map(|(_, key)| *key)
                    .collect();
                let told = list("MissingContextValues", missing.iter().map(|key| (*key).to_owned()));
                let decided: Vec<(&str, bool)> = resources
                    .iter()
                    .map(|resource| (*resource, missing.is_empty() && (self.simulator)(user, action, resource)))
                    .collect();
                // For one resource the answer stands with the action; for several, one stands below it for each.
                let specific = decided.iter().map(|(resource, allowed)| {
                    format!(
                        "<EvalResourceName>{resource}</EvalResourceName><EvalResourceDecision>{}</EvalResourceDecision>{told}",
                        word(*allowed)
                    )
                });
                let specific = match decided.len() {
                    1 => told.clone(),
                    _ => list("ResourceSpecificResults", specific),
                };
                let (first, allowed) = decided[0];
                format!(
                    "<EvalActionName>{action}</EvalActionName><EvalResourceName>{first}</EvalResourceName><EvalDecision>{}</EvalDecision>{specific}",
                    word(allowed)
                )
            })
            .collect();
        let (page, next) = self.page(results, request.text("Marker"), None, 100);
        Ok(format!(
            "{}<IsTruncated>{}</IsTruncated>{}",
            list("EvaluationResults", page.into_iter()),
            next.is_some(),
            next.map(|token| format!("<Marker>{token}</Marker>"))
                .unwrap_or_default()
        ))
    }
}
