//! What a template can name, for one student.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::lab::model::ManifestEntry;
use crate::roster::Student;
use crate::stack::kinds::rest_api::ApiEndpoint;

/// Values of the class, worked out once.
pub(super) struct ClassContext<'a> {
    lab: &'a Lab,
    scope: &'a Scope,
    class: &'a ClassName,
    shared: Map<String, Value>,
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
        let shared = match shared {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            lab,
            scope,
            class,
            shared,
        }
    }

    /// Everything for one student; REST APIs have an id, a URL and ARNs where they are in `apis` (by
    /// name).
    pub(crate) fn student(
        &self,
        student: &Student,
        apis: &BTreeMap<String, ApiEndpoint>,
    ) -> Context {
        let mut all = self.shared.clone();
        let username = &student.username;
        all.insert("username".into(), username.as_str().into());
        all.insert("student".into(), columns(student));
        let user = username.as_str();
        let user_arn = self.scope.user_arn(self.class, user);
        all.insert("user".into(), json!({ "name": user, "arn": user_arn }));
        let (manifest, scope) = (&self.lab.manifest, self.scope);
        let named = |name: String, arn: String| json!({ "name": name, "arn": arn });
        let roles = each(&manifest.roles, |role| {
            let name = role.pattern.name(username);
            let arn = scope.role_arn(self.class, &name);
            named(name, arn)
        });
        let functions = each(&manifest.functions, |function| {
            let name = function.pattern.name(username);
            let arn = scope.function_arn(&name);
            named(name, arn)
        });
        let log_groups = each(&manifest.functions, |function| {
            let name = function.log_group().name(username);
            let arn = scope.log_group_arn(&name);
            named(name, arn)
        });
        let state_machines = each(&manifest.state_machines, |machine| {
            let name = machine.pattern.name(username);
            let arn = scope.state_machine_arn(&name);
            let executions = scope.executions_arn(&name);
            json!({ "name": name, "arn": arn, "execution_arn": executions })
        });
        let rest_apis = each(&manifest.rest_apis, |api| {
            let name = api.pattern.name(username);
            match apis.get(&name) {
                Some(endpoint) => json!({
                    "name": name,
                    "stage": api.stage,
                    "id": endpoint.id,
                    "url": endpoint.url,
                    "arn": scope.rest_api_arn(&endpoint.id),
                    "execute_arn": scope.execute_api_arn(&endpoint.id),
                }),
                None => json!({ "name": name, "stage": api.stage }),
            }
        });
        for (key, value) in [
            ("roles", roles),
            ("functions", functions),
            ("log_groups", log_groups),
            ("state_machines", state_machines),
            ("rest_apis", rest_apis),
        ] {
            all.insert(key.into(), value);
        }
        // Only a map goes in, so this cannot fail; an empty context would only make rendering say what is missing.
        Context::from_value(all.into()).unwrap_or_default()
    }
}

/// Something of each entry, by its id.
fn each<E: ManifestEntry>(entries: &[E], of: impl Fn(&E) -> Value) -> Value {
    let by_id = entries.iter().map(|e| (e.id().to_owned(), of(e)));
    Value::Object(by_id.collect())
}

/// The roster's columns. Those that homeroom knows are always there, empty where the roster has none, so that
/// a template works with every roster; others only where the roster has them.
fn columns(student: &Student) -> Value {
    let mut columns: Map<String, Value> = student
        .extra
        .iter()
        .map(|(column, value)| (column.clone(), value.as_str().into()))
        .collect();
    for (column, value) in [
        ("name", &student.name),
        ("email", &student.email),
        ("section", &student.section),
    ] {
        columns.insert(column.into(), value.as_deref().unwrap_or_default().into());
    }
    columns.insert("username".into(), student.username.as_str().into());
    columns.into()
}
