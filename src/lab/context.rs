//! What a template can name, for one student.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tera::Context;

use crate::ids::{ApiType, ClassName, Scope};
use crate::lab::Lab;
use crate::lab::model::ManifestEntry;
use crate::roster::Student;
use crate::stack::kinds::api::ApiEndpoint;

/// Values of the class, worked out once.
pub(super) struct ClassContext<'a> {
    lab: &'a Lab,
    pub(super) scope: &'a Scope,
    class: &'a ClassName,
    shared: Context,
}

impl<'a> ClassContext<'a> {
    pub(crate) fn new(lab: &'a Lab, scope: &'a Scope, class: &'a ClassName) -> Self {
        let mut settings = lab.settings_json();
        // Where the class really runs, which a flag may have changed.
        settings.insert("region".into(), scope.region.clone().into());
        let shared = json!({
            "class": class,
            "lab": lab.id(),
            "account": scope.account,
            "region": scope.region,
            "partition": scope.partition,
            "console": scope.console(),
            "settings": settings,
        });
        let shared = Context::from_value(shared).unwrap_or_default();
        Self {
            lab,
            scope,
            class,
            shared,
        }
    }

    /// Everything for one student. A REST API has an id, a URL and ARNs where it is in `apis` (by name).
    pub(crate) fn student(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Context {
        let username = &student.username;
        let user = username.as_str();
        let (manifest, scope) = (&self.lab.manifest, self.scope);
        let roles = each(&manifest.roles, |role| {
            let name = role.pattern.name(username);
            json!({ "name": name, "arn": scope.role_arn(self.class, &name) })
        });
        let functions = each(&manifest.functions, |function| {
            let name = function.pattern.name(username);
            json!({ "name": name, "arn": scope.function_arn(&name) })
        });
        let log_groups = each(&manifest.functions, |function| {
            let name = function.log_group().name(username);
            json!({ "name": name, "arn": scope.log_group_arn(&name) })
        });
        let state_machines = each(&manifest.state_machines, |machine| {
            let name = machine.pattern.name(username);
            json!({
                "name": name,
                "arn": scope.state_machine_arn(&name),
                "execution_arn": scope.executions_arn(&name),
            })
        });
        let rest_apis = each(&manifest.rest_apis, |api| {
            let name = api.pattern.name(username);
            match apis.get(&name) {
                Some(endpoint) => json!({
                    "name": name,
                    "stage": api.stage,
                    "id": endpoint.id,
                    "url": endpoint.url,
                    "arn": scope.api_arn(ApiType::Rest, &endpoint.id),
                    "execute_arn": scope.execute_api_arn(&endpoint.id),
                }),
                None => json!({ "name": name, "stage": api.stage }),
            }
        });
        let own = json!({
            "username": user,
            "student": columns(student),
            "user": { "name": user, "arn": scope.user_arn(self.class, user) },
            "roles": roles,
            "functions": functions,
            "log_groups": log_groups,
            "state_machines": state_machines,
            "rest_apis": rest_apis,
        });
        let mut context = self.shared.clone();
        // Both are made of maps, so this cannot fail; an empty context would only make rendering say what is missing.
        context.extend(Context::from_value(own).unwrap_or_default());
        context
    }
}

fn each<E: ManifestEntry>(entries: &[E], of: impl Fn(&E) -> Value) -> Value {
    let by_id = entries.iter().map(|e| (e.id().to_owned(), of(e)));
    Value::Object(by_id.collect())
}

/// The roster's columns. Those that homeroom knows are always there, empty where the roster has none, so that
/// a template works with every roster; others only where the roster has them.
fn columns(student: &Student) -> Value {
    let known = [
        ("username", Some(student.username.as_str())),
        ("name", student.name.as_deref()),
        ("email", student.email.as_deref()),
        ("section", student.section.as_deref()),
    ];
    let known = known.map(|(column, value)| (column, value.unwrap_or_default()));
    let extra = student.extra.iter();
    let extra = extra.map(|(column, value)| (column.as_str(), value.as_str()));
    let all = extra.chain(known);
    all.map(|(column, value)| (column.to_owned(), value))
        .collect()
}
