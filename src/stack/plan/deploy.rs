//! Desired, Observed → what deploy would do.
//!
//! A student with a conflict, or with something that could not be seen, is left alone whole: a half stack
//! beside a foreign resource helps nobody, and a guess over a gap can make duplicates.

use crate::stack::desired::{Desired, Stack};
use crate::stack::diff;
use crate::stack::elsewhere::advice;
use crate::stack::kinds::{
    Drift, Kind, ResourceId, extras,
    function::{self, Function},
    log_group::LogGroup,
    rest_api::RestApi,
    role::Role,
    state_machine::{self, StateMachine},
};
use crate::stack::left::Spellings;
use crate::stack::observed::Observed;
use crate::stack::ownership::{Ownership, Record};

use crate::stack::plan::{Action, Item, Plan, ShutOut, StageRecord, StudentPlan, Verdict, policy};

/// Plans a deployment. With `reset`, what students changed is put back as the lab has it.
pub fn plan(desired: &Desired, observed: &Observed, reset: bool) -> Plan {
    let spellings = Spellings::of(desired, observed);
    let students = desired
        .stacks
        .iter()
        .map(|stack| {
            let planner = Planner {
                desired,
                observed,
                stack,
                reset,
            };
            StudentPlan {
                spelled: spellings.other(stack.student()),
                ..planner.student()
            }
        })
        .collect();
    Plan {
        scope: desired.scope.clone(),
        class: desired.class.clone(),
        students,
        gaps: observed.gaps.clone(),
        account: observed.account,
    }
}

/// What the student changed of a state machine, in a sentence.
fn state_machine_changes(drift: Drift, detail: &state_machine::Detail) -> Option<String> {
    let definition = (drift == Drift::Theirs).then_some("definition");
    let settings = detail.extras.keys().map(|setting| setting.as_str());
    let changed = extras::names(definition.into_iter().chain(settings));
    (!changed.is_empty()).then(|| format!("the student changed its {changed}"))
}

struct Planner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    stack: &'a Stack,
    reset: bool,
}

impl Planner<'_> {
    fn student(&self) -> StudentPlan {
        let stack = self.stack;
        let mut items = Vec::new();
        items.extend(stack.roles.iter().map(|r| self.role(r)));
        items.extend(stack.log_groups.iter().map(|g| self.log_group(g)));
        items.extend(stack.functions.iter().map(|f| self.function(f)));
        items.extend(stack.state_machines.iter().map(|m| self.state_machine(m)));
        items.extend(stack.rest_apis.iter().map(|a| self.rest_api(a)));
        let owner = &stack.owner;
        let bounds = stack.boundary.iter();
        items.extend(bounds.map(|p| policy::item(self.desired, self.observed, owner, p)));
        leave_alone_if_unsafe(&mut items);
        StudentPlan {
            owner: stack.owner.clone(),
            items,
            in_roster: true,
            spelled: None,
        }
    }

    /// The item for something that hides behind a gap.
    fn hidden(&self, resource: &ResourceId) -> Option<Item> {
        let gap = self.observed.gap(resource.kind, &resource.name)?;
        Some(Item::settled(
            resource.clone(),
            Verdict::Unknown,
            format!("could not be seen: {}", gap.cause),
        ))
    }

    /// The item for something of our name that is not this student's; `None` when it is.
    fn conflict(&self, resource: &ResourceId, ownership: &Ownership) -> Option<Item> {
        let why = ownership.why_not(&self.stack.owner)?;
        let hint = advice(ownership, &self.stack.owner);
        Some(Item::settled(resource.clone(), Verdict::Conflict, why).with_hint(hint))
    }

    fn role(&self, role: &Role) -> Item {
        let id = ResourceId::new(Kind::Role, &role.name);
        if let Some(item) = self.hidden(&id) {
            return item;
        }
        let Some(actual) = self.observed.roles.get(&role.name) else {
            // IAM keeps names unique whatever their case.
            let mut others = self.observed.roles.values();
            if let Some(other) = others.find(|r| r.name.eq_ignore_ascii_case(&role.name)) {
                let owner = &self.stack.owner;
                let why = format!(
                    "exists as {}, and IAM takes the two for the same name",
                    other.name
                );
                let ownership = other.ownership(&self.desired.scope, &owner.class, None);
                let hint = advice(&ownership, owner);
                return Item::settled(id, Verdict::Conflict, why).with_hint(hint);
            }
            let action = Action::CreateRole(role.clone());
            return Item::act(id, Verdict::Create, action, "").after(self.boundary());
        };
        let owner = &self.stack.owner;
        let ownership = actual.ownership(&self.desired.scope, &owner.class, Some(owner));
        if let Some(item) = self.conflict(&id, &ownership) {
            return item;
        }
        match role.difference(actual) {
            None => Item::settled(id, Verdict::NoChange, ""),
            Some(difference) => {
                let why = difference.describe();
                let action = Action::UpdateRole {
                    role: role.clone(),
                    difference,
                };
                Item::act(id, Verdict::Update, action, why).after(self.boundary())
            }
        }
    }

    /// The policy that bounds the roles, where it is the lab's: no role ever stands without it.
    fn boundary(&self) -> Option<ResourceId> {
        let policy = self.stack.boundary.as_ref()?;
        Some(ResourceId::new(Kind::ManagedPolicy, &policy.name))
    }

    fn log_group(&self, group: &LogGroup) -> Item {
        let id = ResourceId::new(Kind::LogGroup, &group.name);
        if let Some(item) = self.hidden(&id) {
            return item;
        }
        let Some(actual) = self.observed.log_groups.get(&group.name) else {
            return Item::act(
                id,
                Verdict::Create,
                Action::CreateLogGroup(group.clone()),
                "",
            );
        };
        if let Some(item) = self.conflict(&id, &actual.ownership) {
            return item;
        }
        match actual.retention_days {
            Some(days) if days == group.retention_days => Item::settled(id, Verdict::NoChange, ""),
            days => Item::act(
                id,
                Verdict::Update,
                Action::SetRetention(group.clone()),
                match days {
                    Some(days) => format!("keeps events {days} days, not {}", group.retention_days),
                    None => "keeps events for ever".to_owned(),
                },
            ),
        }
    }

    fn function(&self, function: &Function) -> Item {
        let id = ResourceId::new(Kind::Function, &function.name);
        if let Some(item) = self.hidden(&id) {
            return item;
        }
        let Some(actual) = self.observed.functions.get(&function.name) else {
            let mut needs = vec![ResourceId::new(Kind::Role, &function.role)];
            needs.extend(self.log_group_of(&function.name));
            let shut = self.shut_out();
            let why = match shut {
                ShutOut::Yes => "runs only after a thaw: the student is frozen",
                ShutOut::AsTagged(_) => "",
            };
            return Item::act(
                id,
                Verdict::Create,
                Action::CreateFunction {
                    function: function.clone(),
                    withdraw: self.records_to_withdraw(&function.name),
                    shut,
                },
                why,
            )
            .after(needs);
        };
        if let Some(item) = self.conflict(&id, &actual.ownership) {
            return item;
        }
        self.function_drift(id, function, actual)
    }

    fn shut_out(&self) -> ShutOut {
        let stack = std::slice::from_ref(self.stack);
        if !self.observed.frozen(&self.desired.scope, stack).is_empty() {
            return ShutOut::Yes;
        }
        let functions = self.stack.functions.iter().map(|function| &function.name);
        let there = functions.filter(|name| self.observed.functions.contains_key(*name));
        ShutOut::AsTagged(there.cloned().collect())
    }

    fn function_drift(
        &self,
        id: ResourceId,
        function: &Function,
        actual: &function::Actual,
    ) -> Item {
        let owner = &self.stack.owner;
        let difference = function.difference(&self.desired.scope, owner, actual);
        let writes = |drift: Drift| drift == Drift::Stale || (drift == Drift::Theirs && self.reset);
        let code = writes(difference.code);
        // What Lambda keeps of a role (its grant on the key of the environment variables) is bound to the
        // role's id: a role that is made anew needs the configuration written again.
        let new_role =
            !self.observed.roles.contains_key(&function.role) && difference.config != Drift::Theirs;
        let config = writes(difference.config) || new_role;
        let theirs = diff::parts_of(&self.desired.scope, &self.stack.owner, function, actual);
        let words = diff::words(&theirs);
        let said = (!theirs.is_empty()).then(|| format!("the student changed its {words}"));
        let unrecorded = [difference.code, difference.config].contains(&Drift::SameButUnrecorded);
        // What is reserved shows in no listing, so a reset looks at it.
        let limit = difference.limit || self.reset;
        if !code && !config && !unrecorded && !limit {
            return match said {
                None => Item::settled(id, Verdict::NoChange, ""),
                Some(said) => {
                    Item::settled(id, Verdict::Keep, said.clone()).with_theirs(Some(said))
                }
            };
        }
        // A part that stays the student's keeps the record of what was last deployed, so that it is
        // still seen as theirs next time.
        let record = Record::parse(&actual.description);
        let kept = |drift: Drift, key: &str| {
            (drift == Drift::Theirs && !self.reset)
                .then(|| record.as_ref()?.fingerprints.get(key).cloned())
                .flatten()
        };
        let code_record =
            kept(difference.code, "code").unwrap_or_else(|| function.code_fingerprint());
        let config_record = kept(difference.config, "config")
            .unwrap_or_else(|| function.config_fingerprint(&self.desired.scope, &owner.class));
        let description = function.record(owner, &code_record, &config_record, true);
        let why = match (code, config) {
            (false, false) if difference.limit => "reserved concurrency differs",
            (false, false) if limit && !unrecorded => "its reserved concurrency is looked at",
            _ if new_role && !writes(difference.config) => "its role is made anew",
            (true, true) => "code and configuration differ",
            (true, false) => "code differs",
            (false, true) => "configuration differs",
            (false, false) => "an earlier update was cut off before it was recorded",
        };
        let why = if theirs.is_empty() || self.reset {
            why.to_owned()
        } else {
            format!("{why}; the student's {words} stays")
        };
        Item::act(
            id,
            Verdict::Update,
            Action::UpdateFunction {
                function: function.clone(),
                code,
                config,
                undo: match config {
                    true => actual.extras.keys().copied().collect(),
                    false => Vec::new(),
                },
                limit,
                description,
                follows_ms: actual.modified_ms.filter(|_| theirs.is_empty()),
            },
            why,
        )
        .with_theirs(said)
        .after([ResourceId::new(Kind::Role, &function.role)])
    }

    fn state_machine(&self, machine: &StateMachine) -> Item {
        let id = ResourceId::new(Kind::StateMachine, &machine.name);
        if let Some(item) = self.hidden(&id) {
            return item;
        }
        let needs = [ResourceId::new(Kind::Role, &machine.role)];
        let create = |why: &str| {
            Item::act(
                ResourceId::new(Kind::StateMachine, &machine.name),
                Verdict::Create,
                Action::CreateStateMachine(machine.clone()),
                why,
            )
            .after(needs.clone())
        };
        let Some(actual) = self.observed.state_machines.get(&machine.name) else {
            return create("");
        };
        if let Some(item) = self.conflict(&id, &actual.ownership) {
            return item;
        }
        let Some(detail) = &actual.detail else {
            return Item::settled(id, Verdict::Unknown, "its definition could not be read");
        };
        if detail.deleting {
            return create("the one that is there is being deleted");
        }
        let update = |why: String| {
            let action = Action::UpdateStateMachine {
                machine: machine.clone(),
                undo: match self.reset {
                    true => detail.extras.keys().copied().collect(),
                    false => Vec::new(),
                },
            };
            let id = ResourceId::new(Kind::StateMachine, &machine.name);
            Item::act(id, Verdict::Update, action, why).after(needs.clone())
        };
        let drift = machine.difference(&self.desired.scope, &self.stack.owner, detail);
        let changed = state_machine_changes(drift, detail);
        let theirs = changed.clone();
        let item = match (drift, changed) {
            (Drift::Stale, None) => update("definition or role differs".to_owned()),
            (Drift::Stale, Some(changed)) if !self.reset => update(format!(
                "definition or role differs; {changed}, and that stays"
            )),
            (_, None) => Item::settled(id, Verdict::NoChange, ""),
            (_, Some(changed)) if self.reset => update(format!("{changed}; reset was asked for")),
            (_, Some(changed)) => Item::settled(id, Verdict::Keep, changed),
        };
        item.with_theirs(theirs)
    }

    fn rest_api(&self, api: &RestApi) -> Item {
        let id = ResourceId::new(Kind::RestApi, &api.name);
        if let Some(item) = self.hidden(&id) {
            return item;
        }
        let found = self.observed.rest_apis.get(&api.name);
        let found = found.map(Vec::as_slice).unwrap_or_default();
        let owner = &self.stack.owner;
        let ours = self.observed.apis_of(self.stack, api);
        // Names of REST APIs are not unique, so a foreign one stands in the way only until we have ours.
        let Some(keeper) = api.keeper(&self.desired.scope, &owner.class, ours.iter().copied())
        else {
            let foreign = found
                .iter()
                .find_map(|actual| self.conflict(&id, &actual.ownership));
            return foreign.unwrap_or_else(|| {
                Item::act(id, Verdict::Create, Action::CreateRestApi(api.clone()), "")
            });
        };
        let Some(stages) = &keeper.stages else {
            return Item::settled(id, Verdict::Unknown, "its stages could not be read");
        };
        let duplicates: Vec<String> = ours
            .iter()
            .filter(|a| a.id != keeper.id)
            .map(|a| a.id.clone())
            .collect();
        let lost = self.routed_function_lost(api);
        let whole =
            api.difference(&self.desired.scope, &self.stack.owner.class, stages) == Drift::Same;
        if whole && duplicates.is_empty() && lost.is_none() && !self.reset {
            let renamed = keeper.name != api.name;
            let why = if renamed {
                format!("the student renamed it to {}", keeper.name)
            } else {
                String::new()
            };
            return Item::settled(id, Verdict::NoChange, why);
        }
        let why = if let Some(function) = lost {
            format!("lost its permission to invoke {function} together with the function")
        } else if !duplicates.is_empty() {
            format!("{} more of the same name", duplicates.len())
        } else if whole {
            "reset was asked for: routes and permission are made as the lab has them".to_owned()
        } else {
            "not completed, or its routes differ".to_owned()
        };
        Item::act(
            id,
            Verdict::Update,
            Action::CompleteRestApi {
                api: api.clone(),
                id: keeper.id.clone(),
                duplicates,
            },
            why,
        )
    }

    /// A function that one of the API's routes invokes and that is not there.
    fn routed_function_lost<'r>(&self, api: &'r RestApi) -> Option<&'r str> {
        api.routes
            .iter()
            .map(|route| route.function.as_str())
            .find(|name| {
                !self.observed.functions.contains_key(*name)
                    && self.observed.gap(Kind::Function, name).is_none()
            })
    }

    /// Stages that claim to be whole though the function that they invoke, and with it the permission, is
    /// gone. Were the claim left standing and the run killed between making the function and the
    /// permission, the next run would believe it.
    fn records_to_withdraw(&self, function: &str) -> Vec<StageRecord> {
        let mut records = Vec::new();
        for api in &self.stack.rest_apis {
            if !api.routes.iter().any(|r| r.function == function) {
                continue;
            }
            for actual in self.observed.rest_apis.get(&api.name).into_iter().flatten() {
                if !matches!(&actual.ownership, Ownership::Ours(o) if *o == self.stack.owner) {
                    continue;
                }
                let stages = actual.stages.iter().flatten();
                records.extend(
                    stages
                        .filter(|s| s.name == api.stage && Record::parse(&s.description).is_some())
                        .map(|s| StageRecord {
                            api_id: actual.id.clone(),
                            stage: s.name.clone(),
                        }),
                );
            }
        }
        records
    }

    /// The stack's log group of a function, if it has one.
    fn log_group_of(&self, function: &str) -> Option<ResourceId> {
        self.stack
            .log_groups
            .iter()
            .find(|g| g.name.strip_prefix("/aws/lambda/") == Some(function))
            .map(|g| ResourceId::new(Kind::LogGroup, &g.name))
    }
}

/// Takes the actions out of a student's items when one of them is a conflict or could not be seen.
fn leave_alone_if_unsafe(items: &mut [Item]) {
    let Some(cause) = items
        .iter()
        .find(|i| matches!(i.verdict, Verdict::Conflict | Verdict::Unknown))
        .map(|i| i.resource.to_string())
    else {
        return;
    };
    for item in items {
        if item.action.take().is_some() {
            item.why = format!("waits: {cause} must be cleared up first");
        }
    }
}
