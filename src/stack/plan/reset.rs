//! What a reset would overwrite: the student's own work, which is kept in a file first.

use serde_json::{Value, json};

use crate::stack::desired::Stack;
use crate::stack::ids::Scope;
use crate::stack::kinds::extras::Extras;
use crate::stack::kinds::{Drift, function, state_machine};
use crate::stack::observed::Observed;
use crate::stack::ownership::Ownership;

/// Something of a student's that a reset would overwrite.
#[derive(Debug, Clone, PartialEq)]
pub enum Work<'a> {
    /// A function: its configuration, and where `code` says so its code.
    Function {
        /// As it is.
        actual: &'a function::Actual,
        /// Whether its code is the student's.
        code: bool,
    },
    /// A state machine: its definition, and what is set of it that no lab sets.
    Machine {
        /// Its name.
        name: &'a str,
        /// As it is.
        detail: &'a state_machine::Detail,
    },
}

/// A student's work in a stack; only what is provably theirs is looked at.
pub fn work<'a>(scope: &Scope, stack: &'a Stack, observed: &'a Observed) -> Vec<Work<'a>> {
    let ours = |ownership: &Ownership| *ownership == Ownership::Ours(stack.owner.clone());
    let functions = stack.functions.iter().filter_map(|wanted| {
        let actual = observed.functions.get(&wanted.name)?;
        let difference = wanted.difference(scope, &stack.owner, actual);
        let code = difference.code == Drift::Theirs;
        let changed = code || difference.config == Drift::Theirs;
        (ours(&actual.ownership) && changed).then_some(Work::Function { actual, code })
    });
    let machines = stack.state_machines.iter().filter_map(|wanted| {
        let actual = observed.state_machines.get(&wanted.name)?;
        let detail = actual.detail.as_ref().filter(|detail| !detail.deleting)?;
        let changed = wanted.difference(scope, &stack.owner, detail) == Drift::Theirs;
        let changed = changed || !detail.extras.is_empty();
        (ours(&actual.ownership) && changed).then_some(Work::Machine {
            name: &wanted.name,
            detail,
        })
    });
    functions.chain(machines).collect()
}

/// Settings that no lab makes, under the names that AWS gives them.
fn settings<S: Copy>(extras: &Extras<S>, name: impl Fn(S) -> &'static str) -> Value {
    let settings = extras.iter();
    let settings = settings.map(|(setting, value)| (name(*setting).to_owned(), json!(value)));
    Value::Object(settings.collect())
}

/// A state machine's settings for a file; `None` where they are as AWS makes them.
pub fn machine_settings(detail: &state_machine::Detail) -> Option<Value> {
    let set = !detail.extras.is_empty();
    set.then(|| settings(&detail.extras, |setting| setting.as_str()))
}

/// A function's configuration for a file, under the names that AWS gives it.
pub fn configuration(function: &function::Actual) -> Value {
    json!({
        "Settings": settings(&function.extras, |setting| setting.as_str()),
        "FunctionName": function.name,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Role": function.role_arn,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mib,
        "Environment": { "Variables": function.environment },
        "Description": function.description,
        "CodeSha256": function.code_sha256,
    })
}
