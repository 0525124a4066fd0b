//! What a template can name, for one student.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::model::{ApiEntry, ApiTable, ManifestEntry};
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

    /// Everything for one student. An API has an id, a URL and ARNs where it is in `apis` (by name).
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
            let mut value = json!({
                "name": name,
                "arn": scope.state_machine_arn(&name),
                "execution_arn": scope.executions_arn(&name),
            });
            if let Some(group) = machine.log_group() {
                let name = group.name(username);
                value["log_group"] = json!({ "name": name, "arn": scope.log_group_arn(&name) });
            }
            value
        });
        let api_of = |api: &ApiEntry| {
            let name = api.pattern.name(username);
            let mut value = json!({ "type": api.api_type, "stage": api.stage });
            if let Some(ApiEndpoint { id, url }) = apis.get(&name) {
                value["id"] = json!(id);
                value["url"] = json!(url);
                value["arn"] = json!(scope.api_arn(api.api_type, id));
                value["execute_arn"] = json!(scope.execute_api_arn(id));
            }
            value["name"] = json!(name);
            value
        };
        let all_apis = each(&manifest.apis, api_of);
        // Under this name a lab has those of its table `[[rest_api]]`.
        let of_table = manifest
            .apis
            .iter()
            .filter(|a| a.table == ApiTable::RestApi);
        let rest_apis = each(of_table, api_of);
        let own = json!({
            "username": user,
            "student": columns(student),
            "user": { "name": user, "arn": scope.user_arn(self.class, user) },
            "roles": roles,
            "functions": functions,
            "log_groups": log_groups,
            "state_machines": state_machines,
            "apis": all_apis,
            "rest_apis": rest_apis,
        });
        let mut context = self.shared.clone();
        // Both are made of maps, so this cannot fail; an empty context would only make rendering say what is missing.
        context.extend(Context::from_value(own).unwrap_or_default());
        context
    }
}

fn each<'a, E: ManifestEntry + 'a>(
    entries: impl IntoIterator<Item = &'a E>,
    of: impl Fn(&E) -> Value,
) -> Value {
    let by_id = entries.into_iter().map(|e| (e.id().to_owned(), of(e)));
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
