//! What a template can name, for one student.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tera::Context;

use crate::ids::{ClassName, Scope};
use crate::lab::Lab;
use crate::roster::Student;
use crate::stack::observed::ApiEndpoint;

/// Values of the class, worked out once.
pub(super) struct ClassContext<'a> {
    lab: &'a Lab,
    scope: &'a Scope,
    class: &'a ClassName,
    shared: Map<String, Value>,
}

impl<'a> ClassContext<'a> {
    pub fn new(lab: &'a Lab, scope: &'a Scope, class: &'a ClassName) -> Self {
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
    pub fn student(&self, student: &Student, apis: &BTreeMap<String, ApiEndpoint>) -> Context {
        let mut all = self.shared.clone();
        let username = &student.username;
        all.insert("username".into(), username.as_str().into());
        all.insert("student".into(), columns(student));
        let (manifest, names) = (&self.lab.manifest, &self.lab.names);
        let mut put = |key: &str, entries: Vec<(&str, Value)>| {
            let map: Map<_, _> = entries
                .into_iter()
                .map(|(id, v)| (id.to_owned(), v))
                .collect();
            all.insert(key.into(), map.into());
        };
        let user = username.as_str();
        let user_arn = self.scope.user_arn(self.class, user);
        put(
            "user",
            vec![("name", user.into()), ("arn", user_arn.into())],
        );
        let named = |name: String, arn: String| json!({ "name": name, "arn": arn });

        let roles = manifest
            .roles
            .iter()
            .zip(&names.roles)
            .map(|(role, pattern)| {
                let name = pattern.name(username);
                let arn = self.scope.role_arn(self.class, &name);
                (role.id.as_str(), named(name, arn))
            });
        put("roles", roles.collect());
        let functions =
            manifest
                .functions
                .iter()
                .zip(&names.functions)
                .map(|(function, pattern)| {
                    let name = pattern.name(username);
                    let arn = self.scope.function_arn(&name);
                    (function.id.as_str(), named(name, arn))
                });
        put("functions", functions.collect());
        let groups = manifest
            .functions
            .iter()
            .zip(&names.log_groups)
            .map(|(function, pattern)| {
                let name = pattern.name(username);
                let arn = self.scope.log_group_arn(&name);
                (function.id.as_str(), named(name, arn))
            });
        put("log_groups", groups.collect());
        let machines = manifest
            .state_machines
            .iter()
            .zip(&names.state_machines)
            .map(|(machine, pattern)| {
                let name = pattern.name(username);
                let arn = self.scope.state_machine_arn(&name);
                let executions = self.scope.executions_arn(&name);
                let value = json!({ "name": name, "arn": arn, "execution_arn": executions });
                (machine.id.as_str(), value)
            });
        put("state_machines", machines.collect());
        let rest_apis = manifest
            .rest_apis
            .iter()
            .zip(&names.rest_apis)
            .map(|(api, pattern)| {
                let name = pattern.name(username);
                let value = match apis.get(&name) {
                    Some(endpoint) => {
                        json!({
                            "name": name,
                            "stage": api.stage,
                            "id": endpoint.id,
                            "url": endpoint.url,
                            "arn": self.scope.rest_api_arn(&endpoint.id),
                            "execute_arn": self.scope.execute_api_arn(&endpoint.id),
                        })
                    }
                    None => json!({ "name": name, "stage": api.stage }),
                };
                (api.id.as_str(), value)
            });
        put("rest_apis", rest_apis.collect());
        // Only a map goes in, so this cannot fail; an empty context would only make rendering say what is missing.
        Context::from_value(all.into()).unwrap_or_default()
    }
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
