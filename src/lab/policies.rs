//! The policies of a lab, held against each other. IAM answers a call only where the holder's policy and the permissions
//! boundary both allow it, and says nothing of a right that one of the two lacks until the call is made: in class.
//!
//! Patterns are compared as texts, and conditions are not weighed. So what is refused here is refused by IAM for certain;
//! what may be meant so is a remark.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ids::{ClassName, Scope, Username};
use crate::lab::Lab;
use crate::lab::access::AccessPolicies;
use crate::lab::asl::source::JsonLines;
use crate::lab::context::ClassContext;
use crate::lab::model::ManifestEntry;
use crate::lab::patterns::{Share, Statement, Withheld, never, overlap, statements};
use crate::lab::problems::Problems;
use crate::roster::Student;
use crate::stack::kinds::state_machine::LOGGING_RIGHTS;
use crate::stack::kinds::{Desired, Stack};
use crate::text::failure::Failure;
use crate::text::words::some_of;

/// Actions and resources that a message names before it counts.
const NAMED: usize = 4;

/// A resource of a student's stack, as policies name it.
struct NamedArns {
    /// What a message calls it.
    label: String,
    /// What a template writes for [`NamedArns::arns`]'s first.
    template: String,
    /// The ARN, then others that name it as well.
    arns: Vec<String>,
}

impl NamedArns {
    fn new(label: String, of: &str, id: &str, arns: Vec<String>) -> Self {
        Self {
            label,
            template: format!("{of}.{id}.arn"),
            arns,
        }
    }

    /// Whether a policy allows anything that is about this resource and not about everything.
    fn is_named_in(&self, policy: &[Statement<'_>]) -> bool {
        let names = |pattern: &&str| {
            let parts = |arn: &String| {
                overlap(pattern, arn)
                    || [":x", "/x"]
                        .iter()
                        .any(|p| overlap(pattern, &format!("{arn}{p}")))
            };
            *pattern != "*" && self.arns.iter().any(parts)
        };
        let mut allowing = policy.iter().filter(|statement| statement.allows);
        allowing
            .any(|statement| statement.resources.but || statement.resources.list.iter().any(names))
    }
}

/// Policies of one student, filled in.
struct FilledPolicies<'a> {
    student: &'a Student,
    stack: &'a Stack,
    access: Option<&'a AccessPolicies>,
}

impl Lab {
    /// Rights that the boundary certainly withholds, of the roles and of the students: what to refuse before anything is
    /// made. What is deployed already can be read and removed all the same.
    ///
    /// # Errors
    /// One failure for each statement and what it lacks.
    pub(crate) fn hold_policies(
        &self,
        desired: &Desired,
        students: &[Student],
    ) -> Result<(), Vec<Failure>> {
        let contexts = ClassContext::new(self, &desired.scope, &desired.class);
        let mut problems = Problems::default();
        let mut held = BTreeSet::new();
        for (stack, student) in desired.stacks.iter().zip(students) {
            let apis = self.stand_in_apis(&student.username);
            // `Lab::desired` has reported what cannot be rendered.
            let access = self.access(&desired.scope, &desired.class, student, &apis);
            let access = access.ok().flatten();
            self.hold_of(
                &contexts,
                student,
                stack,
                access.as_ref(),
                &mut held,
                &mut problems,
            );
        }
        problems.or(())
    }

    /// Whether every policy of the lab could be read: what is not there withholds nothing.
    pub(crate) fn has_its_policies(&self) -> bool {
        let of_roles = self.manifest.roles.iter().map(|role| &role.policy);
        let of_access = self.manifest.access.iter();
        let of_access = of_access.flat_map(|access| [&access.policy, &access.boundary]);
        of_roles
            .chain(of_access)
            .all(|path| self.templates.has(path))
    }

    /// Of one student. `seen` holds what other students' policies said: most differ in the student's name alone.
    fn hold_of(
        &self,
        contexts: &ClassContext<'_>,
        student: &Student,
        stack: &Stack,
        access: Option<&AccessPolicies>,
        seen: &mut BTreeSet<String>,
        problems: &mut Problems,
    ) {
        let filled = FilledPolicies {
            student,
            stack,
            access,
        };
        if !seen.insert(shape(&filled)) {
            return;
        }
        if let Some(boundary) = &stack.boundary {
            for (role, entry) in stack.roles.iter().zip(&self.manifest.roles) {
                let whose = (format!("role {:?}", entry.id), entry.policy.as_str());
                self.hold(
                    contexts,
                    &filled,
                    whose,
                    &role.policy,
                    &boundary.document,
                    problems,
                );
            }
        }
        self.hold_logging(stack, problems);
        if let (Some(access), Some(entry)) = (access, &self.manifest.access) {
            let whose = ("a student".to_owned(), entry.policy.as_str());
            self.hold(
                contexts,
                &filled,
                whose,
                &access.policy,
                &access.boundary,
                problems,
            );
        }
    }

    /// Step Functions makes no state machine that logs unless its role may set up the delivery.
    fn hold_logging(&self, stack: &Stack, problems: &mut Problems) {
        for entry in self
            .manifest
            .state_machines
            .iter()
            .filter(|m| m.logging.is_some())
        {
            let mut roles = stack.roles.iter().zip(&self.manifest.roles);
            let Some((role, of)) = roles.find(|(_, of)| of.id == entry.role) else {
                continue;
            };
            let lacking = lacking(&role.policy, &LOGGING_RIGHTS);
            let logs = format!("state machine {:?} logs, and ", entry.id);
            let off = format!("or take logging out of [[state_machine]] {:?}", entry.id);
            let written = |actions: &[&str]| {
                let actions = actions.iter().map(|action| format!("{action:?}"));
                format!(
                    "add a statement with \"Action\": [{}] and \"Resource\": \"*\" (AWS binds them to nothing else)",
                    actions.collect::<Vec<_>>().join(", ")
                )
            };
            if !lacking.is_empty() {
                let cause = format!(
                    "{logs}its role {:?} is not allowed {}: AWS would refuse to make it",
                    of.id,
                    some_of(&lacking, NAMED)
                );
                let hint = format!(
                    "{}, to the boundary as well, and let no Deny take them away; {off}",
                    written(&lacking)
                );
                problems.add(format!("templates/{}", of.policy), cause).hint = Some(hint);
            }
            if let (Some(boundary), Some(access)) = (&stack.boundary, &self.manifest.access) {
                let mut withheld = withheld_in_part(&role.policy, &boundary.document);
                withheld.retain(|action| !lacking.contains(action));
                if withheld.is_empty() {
                    continue;
                }
                let cause = format!(
                    "{logs}the boundary of its role {:?} does not allow {}: AWS would refuse to make it",
                    of.id,
                    some_of(&withheld, NAMED)
                );
                let hint = format!("{}; {off}", written(&withheld));
                problems
                    .add(format!("templates/{}", access.boundary), cause)
                    .hint = Some(hint);
            }
        }
    }

    /// Holds one policy against its boundary.
    fn hold(
        &self,
        contexts: &ClassContext<'_>,
        filled: &FilledPolicies<'_>,
        (holder, path): (String, &str),
        policy: &Value,
        boundary: &Value,
        problems: &mut Problems,
    ) {
        let Some(entry) = &self.manifest.access else {
            return;
        };
        let boundary = statements(boundary);
        let known = self.known(contexts.scope, &filled.student.username);
        for statement in statements(policy)
            .iter()
            .filter(|s| s.allows && !s.actions.but)
        {
            let withheld = Withheld::of(statement, &boundary);
            let on_all = (withheld.actions.clone(), statement.resources.list.clone());
            let mut others = statement.actions.list.clone();
            others.retain(|action| !withheld.actions.contains(action));
            for (actions, resources) in [on_all, (others, withheld.resources)] {
                if actions.is_empty() || resources.is_empty() {
                    continue;
                }
                let said: Vec<(String, String)> = resources
                    .iter()
                    .map(|resource| name_of(&known, resource))
                    .collect();
                let mut names: Vec<&str> = said.iter().map(|(name, _)| name.as_str()).collect();
                // A log group is named twice, with and without its streams.
                names.dedup();
                let texts: Vec<String> = said.iter().map(|(_, text)| format!("{text:?}")).collect();
                let subject = self.place(contexts, filled.student, path, statement);
                let in_full = actions.iter().map(|action| format!("{action:?}"));
                let cause = format!(
                    "{holder} is allowed {} on {}, and the boundary templates/{} allows that nowhere: AWS would refuse every \
                     such call",
                    some_of(&actions, NAMED),
                    some_of(&names, NAMED),
                    entry.boundary
                );
                let hint = format!(
                    "add {} with \"Resource\": {} to templates/{}, or take it out of templates/{path}",
                    in_full.collect::<Vec<_>>().join(", "),
                    match texts.as_slice() {
                        [one] => one.clone(),
                        all => format!("[{}]", all.join(", ")),
                    },
                    entry.boundary
                );
                problems.add(subject, cause).hint = Some(hint);
            }
        }
    }

    /// A statement's place, as a message names it.
    fn place(
        &self,
        contexts: &ClassContext<'_>,
        student: &Student,
        path: &str,
        statement: &Statement<'_>,
    ) -> String {
        let apis = self.stand_in_apis(&student.username);
        let text = self.templates.file(path, &contexts.student(student, &apis));
        let line = text
            .ok()
            .and_then(|text| JsonLines::read(&text).line_of(&statement.place));
        let line = line.map_or_else(String::new, |line| format!(", line {line}"));
        let sid = statement
            .sid
            .map_or_else(String::new, |sid| format!(" ({sid})"));
        format!(
            "templates/{path}, statement {}{sid}{line}",
            statement.number
        )
    }

    /// The resources of a student's stack that policies name, roles aside.
    fn known(&self, scope: &Scope, username: &Username) -> Vec<NamedArns> {
        let m = &self.manifest;
        let mut known = Vec::new();
        for function in &m.functions {
            let (id, name) = (&function.id, function.pattern.name(username));
            let arn = scope.function_arn(&name);
            known.push(NamedArns::new(
                format!("function {id:?}"),
                "functions",
                id,
                vec![arn],
            ));
        }
        for machine in &m.state_machines {
            let (id, name) = (&machine.id, machine.pattern.name(username));
            let arns = vec![scope.state_machine_arn(&name), scope.executions_arn(&name)];
            known.push(NamedArns::new(
                format!("state machine {id:?}"),
                "state_machines",
                id,
                arns,
            ));
        }
        let apis = self.stand_in_apis(username);
        for api in &m.apis {
            let Some(endpoint) = apis.get(&api.pattern.name(username)) else {
                continue;
            };
            let arns = vec![
                scope.api_arn(api.api_type, &endpoint.id),
                scope.execute_api_arn(&endpoint.id),
            ];
            known.push(NamedArns::new(
                format!("API {:?}", api.id),
                api.values(),
                &api.id,
                arns,
            ));
        }
        for function in &m.functions {
            let (id, name) = (&function.id, function.log_group().name(username));
            let label = format!("the log group of function {id:?}");
            known.push(NamedArns::new(
                label,
                "log_groups",
                id,
                vec![scope.log_group_arn(&name)],
            ));
        }
        for machine in &m.state_machines {
            if let Some(group) = machine.log_group() {
                known.push(NamedArns::new(
                    format!("the log group of state machine {:?}", machine.id),
                    "state_machines",
                    &format!("{}.log_group", machine.id),
                    vec![scope.log_group_arn(&group.name(username))],
                ));
            }
        }
        known
    }

    /// What may be meant so and is worth a look, for the first student: resources that nobody may use, functions that may not
    /// log or be called, and rights to make what a teardown does not know.
    pub(crate) fn policy_remarks(&self, desired: &Desired, students: &[Student]) -> Vec<String> {
        let (Some(stack), Some(student)) = (desired.stacks.first(), students.first()) else {
            return Vec::new();
        };
        let (scope, class) = (&desired.scope, &desired.class);
        let mut said = self.unnamed(scope, class, student);
        said.extend(self.rights_that_lack(scope, stack, &student.username));
        said.extend(self.idle_pairs(desired, stack, student));
        said.extend(self.editable_and_logging(scope, class, student));
        for (role, entry) in stack.roles.iter().zip(&self.manifest.roles) {
            for statement in statements(&role.policy).iter().filter(|s| s.allows) {
                let making: Vec<&str> = match statement.actions.but {
                    true => vec!["everything but some actions"],
                    false => {
                        let all = statement.actions.list.iter();
                        all.filter(|action| makes(action)).copied().collect()
                    }
                };
                if !making.is_empty() {
                    said.push(format!(
                        "templates/{}, statement {}: role {:?} may make something ({}); teardown does not know what a \
                         function makes, and leaves it",
                        entry.policy,
                        statement.number,
                        entry.id,
                        some_of(&making, NAMED)
                    ));
                }
            }
        }
        said
    }

    /// What logging asks of a role reaches beyond the stack, and whoever edits a workflow acts with its role.
    fn editable_and_logging(
        &self,
        scope: &Scope,
        class: &ClassName,
        student: &Student,
    ) -> Vec<String> {
        if !self.students_may(scope, class, student, "states:UpdateStateMachine") {
            return Vec::new();
        }
        let logging = self.manifest.state_machines.iter();
        let logging = logging.filter(|machine| machine.logging.is_some());
        let said = logging.map(|machine| {
            format!(
                "students may edit state machine {:?}, which logs: through it they can use its role's logs:PutResourcePolicy, \
                 which reaches the log deliveries of the whole account; take states:UpdateStateMachine from them, or logging \
                 from it, unless the account is for the class alone",
                machine.id
            )
        });
        said.collect()
    }

    /// Actions of a statement that the boundary withholds on some of its resources alone.
    fn idle_pairs(&self, desired: &Desired, stack: &Stack, student: &Student) -> Vec<String> {
        let apis = self.stand_in_apis(&student.username);
        let access = self.access(&desired.scope, &desired.class, student, &apis);
        let access = access.ok().flatten();
        let known = self.known(&desired.scope, &student.username);
        let roles = stack.roles.iter().zip(&self.manifest.roles);
        let roles = stack.boundary.iter().flat_map(|boundary| {
            let own = roles.clone();
            own.map(|(role, entry)| (&entry.policy, &*role.policy, &*boundary.document))
        });
        let own = access.iter().zip(&self.manifest.access);
        let own = own.map(|(access, entry)| (&entry.policy, &access.policy, &access.boundary));
        let mut said = Vec::new();
        for (path, policy, boundary) in roles.chain(own) {
            let boundary = statements(boundary);
            for statement in statements(policy).iter().filter(|s| s.allows) {
                let pairs = Withheld::of(statement, &boundary).pairs.into_iter();
                let pairs = pairs.map(|(action, resource)| {
                    format!("{action} on {}", name_of(&known, resource).0)
                });
                let pairs: Vec<String> = pairs.collect();
                if !pairs.is_empty() {
                    said.push(format!(
                        "templates/{path}, statement {}: the boundary does not allow {}; that is well where it is not meant",
                        statement.number,
                        some_of(&pairs, NAMED)
                    ));
                }
            }
        }
        said
    }

    /// Resources that the student's policy or the boundary names nowhere.
    fn unnamed(&self, scope: &Scope, class: &ClassName, student: &Student) -> Vec<String> {
        let apis = self.stand_in_apis(&student.username);
        let (Ok(Some(access)), Some(entry)) = (
            self.access(scope, class, student, &apis),
            &self.manifest.access,
        ) else {
            return Vec::new();
        };
        let (policy, boundary) = (statements(&access.policy), statements(&access.boundary));
        let known = self.known(scope, &student.username);
        let said = known.iter().filter_map(|resource| {
            let (label, of_student, of_boundary) = (&resource.label, &entry.policy, &entry.boundary);
            Some(match (resource.is_named_in(&policy), resource.is_named_in(&boundary)) {
                (true, true) => return None,
                (false, true) => format!(
                    "templates/{of_student} names {label} nowhere: students cannot see it"
                ),
                (true, false) => format!(
                    "templates/{of_boundary} names {label} nowhere: neither students nor roles can use it"
                ),
                (false, false) => format!(
                    "neither templates/{of_student} nor templates/{of_boundary} names {label}: neither students nor roles \
                     can use it"
                ),
            })
        });
        said.collect()
    }

    /// Functions whose role may not write their log, and workflows whose role may not call a function that they name.
    fn rights_that_lack(&self, scope: &Scope, stack: &Stack, username: &Username) -> Vec<String> {
        let m = &self.manifest;
        let policy_of = |id: &str| {
            let mut roles = stack.roles.iter().zip(&m.roles);
            let (role, entry) = roles.find(|(_, entry)| entry.id == id)?;
            Some((statements(&role.policy), &entry.policy))
        };
        let allowed = |policy: &[Statement<'_>], action: &str, resource: &str| {
            let mut allowing = policy.iter().filter(|s| s.allows);
            allowing.any(|s| s.part_of(action, resource) != Share::None)
        };
        let mut said = Vec::new();
        for function in &m.functions {
            let Some((policy, path)) = policy_of(&function.role) else {
                continue;
            };
            let group = scope.log_group_arn(&function.log_group().name(username));
            if !allowed(
                &policy,
                "logs:PutLogEvents",
                &format!("{group}:log-stream:x"),
            ) {
                said.push(format!(
                    "templates/{path} does not let function {:?} write its log: it needs logs:CreateLogStream and \
                     logs:PutLogEvents on \"{{{{ log_groups.{}.arn }}}}:*\"",
                    function.id, function.id
                ));
            }
        }
        let traced = m.functions.iter().filter(|f| f.tracing);
        let traced = traced.map(|f| (format!("function {:?}", f.id), &f.role));
        let machines = m.state_machines.iter().filter(|machine| machine.tracing);
        let machines = machines.map(|m| (format!("state machine {:?}", m.id), &m.role));
        for (whose, role) in traced.chain(machines) {
            let traces = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
            if let Some((policy, path)) = policy_of(role)
                && !traces.iter().all(|action| allowed(&policy, action, "*"))
            {
                said.push(format!(
                    "templates/{path} does not let {whose} send its traces, which tracing = true asks for: it needs \
                     xray:PutTraceSegments and xray:PutTelemetryRecords on \"*\""
                ));
            }
        }
        for (machine, entry) in stack.state_machines.iter().zip(&m.state_machines) {
            let Some((policy, path)) = policy_of(&entry.role) else {
                continue;
            };
            let definition = machine.definition.to_string();
            for function in &m.functions {
                let arn = scope.function_arn(&function.pattern.name(username));
                let named = definition.contains(&format!("\"{arn}\""));
                if named && !allowed(&policy, "lambda:InvokeFunction", &arn) {
                    said.push(format!(
                        "templates/{path} does not let state machine {:?} call function {:?}, which its definition names: \
                         it needs lambda:InvokeFunction on \"{{{{ functions.{}.arn }}}}\"",
                        entry.id(),
                        function.id,
                        function.id
                    ));
                }
            }
        }
        said
    }
}

/// Those of the actions that a policy does not allow on everything. What cannot be bound to a resource is allowed on "*" or
/// nowhere; log groups can be listed by their names' beginnings.
fn lacking<'a>(policy: &Value, actions: &[&'a str]) -> Vec<&'a str> {
    let policy = statements(policy);
    let allowed = |action: &str| {
        let least = match action {
            "logs:DescribeLogGroups" => Share::Some,
            _ => Share::All,
        };
        let mut allowing = policy.iter().filter(|statement| statement.allows);
        allowing.any(|statement| statement.part_of(action, "*") >= least)
    };
    // What a Deny without a condition takes away is not there.
    let lacking = actions
        .iter()
        .filter(|action| !allowed(action) || never(&policy, action, "*"));
    lacking.copied().collect()
}

/// The rights to log that a boundary lacks and that [`Lab::hold`] does not tell: those that the policy does not name, but
/// gives by a pattern.
fn withheld_in_part(policy: &Value, boundary: &Value) -> Vec<&'static str> {
    let (policy, of_boundary) = (statements(policy), statements(boundary));
    let named = |action: &str| {
        let mut allowing = policy.iter().filter(|s| s.allows && !s.actions.but);
        allowing.any(|s| {
            let mut own = s.actions.list.iter();
            own.any(|own| own.eq_ignore_ascii_case(action))
        })
    };
    let mut withheld = lacking(boundary, &LOGGING_RIGHTS);
    withheld.retain(|action| !(named(action) && never(&of_boundary, action, "*")));
    withheld
}

/// Whether an action makes something that stays. A log stream goes with its group, a delivery with its state machine.
fn makes(action: &str) -> bool {
    let action = action.to_lowercase();
    let (service, name) = action.split_once(':').unwrap_or(("*", &action));
    let goes = service == "logs" && ["createlogstream", "createlogdelivery"].contains(&name);
    overlap(name, "create*") && !goes
}

/// What a message calls a resource of a policy, and what a template writes for it.
fn name_of(known: &[NamedArns], resource: &str) -> (String, String) {
    let found = known.iter().find_map(|known| {
        let (arn, rest) = known.arns.iter().enumerate().find_map(|(nth, arn)| {
            let rest = resource.strip_prefix(arn.as_str())?;
            (rest.is_empty() || rest.starts_with([':', '/'])).then_some((nth, rest))
        })?;
        let of = match (arn, known.template.as_str()) {
            (0, of) => of.to_owned(),
            (_, of) if of.starts_with("state_machines") => of.replace(".arn", ".execution_arn"),
            (_, of) => of.replace(".arn", ".execute_arn"),
        };
        let label = match rest {
            "" | ":*" | "/*" => known.label.clone(),
            rest => format!("{} ({rest})", known.label),
        };
        Some((label, format!("{{{{ {of} }}}}{rest}")))
    });
    found.unwrap_or_else(|| (resource.to_owned(), resource.to_owned()))
}

/// A student's policies with their name taken out.
fn shape(filled: &FilledPolicies<'_>) -> String {
    let roles = filled
        .stack
        .roles
        .iter()
        .map(|role| role.policy.to_string());
    let boundary = filled
        .stack
        .boundary
        .iter()
        .map(|policy| policy.document.to_string());
    let access = filled.access.into_iter();
    let access = access.flat_map(|access| [access.policy.to_string(), access.boundary.to_string()]);
    let all: Vec<String> = roles.chain(boundary).chain(access).collect();
    all.join("\n")
        .replace(filled.student.username.as_str(), "\u{0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Files;
    use crate::lab::bundle;

    /// The lab that `lab new` writes, with changes.
    fn starter(changes: &[(&str, &str, &str)]) -> Files {
        let mut files = bundle::starter();
        for (file, from, to) in changes {
            let file = format!("templates/{file}");
            let text = String::from_utf8(files[&file].clone()).unwrap();
            assert!(text.contains(from), "{file}: {from}");
            files.insert(file, text.replace(from, to).into_bytes());
        }
        files
    }

    #[test]
    fn a_function_that_the_boundary_forgets_is_refused_with_its_line() {
        let found = Lab::proofread(&starter(&[(
            "boundary.json",
            "\"{{ functions.greet.arn }}\"",
            "\"{{ functions.greet.arn }}-2\"",
        )]));
        let problems: Vec<_> = found.problems.iter().collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(
            problems[0].subject,
            "templates/workflow-policy.json, statement 1, line 3"
        );
        assert!(
            problems[0].cause.contains(
                "role \"workflow\" is allowed lambda:InvokeFunction on function \"greet\""
            )
        );
        let hint = problems[0].hint.as_deref().unwrap();
        assert!(
            hint.contains(
                "\"lambda:InvokeFunction\" with \"Resource\": \"{{ functions.greet.arn }}\""
            ),
            "{hint}"
        );
        assert!(
            problems[1]
                .subject
                .starts_with("templates/student-policy.json, statement 3")
        );
    }

    #[test]
    fn what_may_be_meant_so_is_a_remark_and_no_refusal() {
        let remarks = |changes: &[(&str, &str, &str)]| {
            let found = Lab::proofread(&starter(changes));
            assert_eq!(found.problems, []);
            found.remarks.join("\n")
        };
        let hidden = remarks(&[
            (
                "student-policy.json",
                "\"lambda:GetFunction\", \"lambda:GetFunctionConfiguration\"",
                "\"iam:ChangePassword\"",
            ),
            (
                "student-policy.json",
                "{{ functions.greet.arn }}",
                "{{ user.arn }}",
            ),
        ]);
        let said = "templates/student-policy.json names function \"greet\" nowhere: students cannot see it";
        assert_eq!(hidden, said);
        let making = remarks(&[
            (
                "boundary.json",
                "\"logs:CreateLogStream\"",
                "\"logs:CreateLogStream\", \"logs:CreateLogGroup\"",
            ),
            (
                "worker-policy.json",
                "\"logs:CreateLogStream\"",
                "\"logs:CreateLogStream\", \"logs:CreateLogGroup\"",
            ),
        ]);
        assert!(
            making
                .contains("statement 1: role \"worker\" may make something (logs:CreateLogGroup)"),
            "{making}"
        );
        let mute = remarks(&[(
            "worker-policy.json",
            "\"logs:PutLogEvents\"",
            "\"logs:CreateLogStream\"",
        )]);
        assert!(
            mute.contains("does not let function \"greet\" write its log"),
            "{mute}"
        );
        let alone = remarks(&[(
            "workflow-policy.json",
            "lambda:InvokeFunction",
            "lambda:GetFunction",
        )]);
        assert!(
            alone.contains("does not let state machine \"greetings\" call function \"greet\""),
            "{alone}"
        );
    }

    /// The lab that `lab new` writes, whose workflow logs, with more in its role's policy and in the boundary.
    fn logging(rights: &str, more: &[(&str, &str, &str)]) -> crate::lab::proofread::Proofread {
        let machine = "definition = \"greetings.json\"";
        let lab = format!("{machine}\nlogging = \"ERROR\"");
        let (statements, boundary) = (
            format!("\"Statement\": [{rights}{{"),
            format!("\"Statement\": [{rights}"),
        );
        let mut changes = vec![
            ("lab.toml", machine, lab.as_str()),
            ("workflow-policy.json", "\"Statement\": [{", &statements),
            ("boundary.json", "\"Statement\": [", &boundary),
        ];
        changes.extend(more);
        Lab::proofread(&starter(&changes))
    }

    fn delivery(but: &str) -> String {
        let rights = LOGGING_RIGHTS.iter().filter(|right| **right != but);
        let rights: Vec<String> = rights.map(|right| format!("{right:?}")).collect();
        let rights = rights.join(", ");
        format!("{{\"Effect\": \"Allow\", \"Action\": [{rights}], \"Resource\": \"*\"}}, ")
    }

    #[test]
    fn a_workflow_that_logs_needs_a_role_that_may_deliver_logs() {
        let found = logging("", &[]);
        assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
        let problem = &found.problems[0];
        assert_eq!(problem.subject, "templates/workflow-policy.json");
        assert!(
            problem
                .cause
                .contains("is not allowed logs:CreateLogDelivery")
        );
        let hint = problem.hint.as_deref().unwrap();
        assert!(
            hint.contains("\"logs:DescribeLogGroups\"") && hint.contains("\"Resource\": \"*\"")
        );
        let found = logging(&delivery("logs:PutResourcePolicy"), &[]);
        assert!(
            found.problems[0]
                .cause
                .contains("is not allowed logs:PutResourcePolicy: AWS")
        );
        // Of these nothing can be bound to a resource.
        let bound = delivery("").replace(
            "\"*\"",
            "\"{{ state_machines.greetings.log_group.arn }}:*\"",
        );
        let found = logging(&bound, &[]);
        assert!(!found.problems.is_empty());
        let found = logging(&delivery(""), &[]);
        assert_eq!(found.problems, []);
        let unnamed = "neither templates/student-policy.json nor templates/boundary.json names the log group of state machine \
                       \"greetings\"";
        assert!(
            found.remarks.iter().any(|said| said.contains(unnamed)),
            "{:?}",
            found.remarks
        );
        assert!(
            !found
                .remarks
                .iter()
                .any(|said| said.contains("may make something"))
        );
    }

    #[test]
    fn the_rights_to_log_are_held_against_the_boundary_and_denies() {
        let all = "{\"Effect\": \"Allow\", \"Action\": \"logs:*\", \"Resource\": \"*\"}, ";
        let deny =
            "{\"Effect\": \"Deny\", \"Action\": \"logs:PutResourcePolicy\", \"Resource\": \"*\"}, ";
        let one = "{\"Effect\": \"Allow\", \"Action\": \"logs:CreateLogDelivery\", \"Resource\": \"*\"}, ";
        let found = |role: &str, boundary: &str| {
            let role = format!("\"Statement\": [{role}{{");
            let boundary = format!("\"Statement\": [{boundary}");
            let machine = "definition = \"greetings.json\"";
            let found = Lab::proofread(&starter(&[
                (
                    "lab.toml",
                    machine,
                    &format!("{machine}\nlogging = \"ERROR\""),
                ),
                ("workflow-policy.json", "\"Statement\": [{", &role),
                ("boundary.json", "\"Statement\": [", &boundary),
            ]));
            let said = found.problems.iter().map(Failure::to_string);
            said.collect::<Vec<_>>().join("\n")
        };
        let whole = delivery("");
        let part = found(all, one);
        assert!(part.starts_with("templates/boundary.json: "), "{part}");
        assert!(
            part.contains(
                "the boundary of its role \"workflow\" does not allow logs:GetLogDelivery"
            ),
            "{part}"
        );
        let own = found(&format!("{whole}{deny}"), &whole);
        assert!(
            own.starts_with("templates/workflow-policy.json: ")
                && own.contains("is not allowed logs:PutResourcePolicy: AWS"),
            "{own}"
        );
        let of_boundary = found(all, &format!("{whole}{deny}"));
        assert!(
            of_boundary.contains("does not allow logs:PutResourcePolicy: AWS"),
            "{of_boundary}"
        );
        for said in [part, own, of_boundary] {
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        assert_eq!(found(all, &whole), "");
    }

    #[test]
    fn students_who_may_edit_a_workflow_that_logs_are_remarked_on() {
        let (read, edit) = (
            "\"states:DescribeStateMachine\"",
            "\"states:DescribeStateMachine\", \"states:UpdateStateMachine\"",
        );
        let edits = [
            ("student-policy.json", read, edit),
            ("boundary.json", read, edit),
        ];
        let warned = |more: &[(&str, &str, &str)]| {
            let remarks = logging(&delivery(""), more).remarks;
            remarks
                .iter()
                .any(|said| said.contains("logs:PutResourcePolicy"))
        };
        assert!(warned(&edits) && !warned(&[]));
    }
}
