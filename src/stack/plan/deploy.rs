//! Desired, Observed → what deploy would do.
//!
//! When a student has a conflict, or something could not be seen, nothing is done for that student: half a stack beside
//! a foreign resource helps nobody, and a guess about what was not seen can make duplicates.

use crate::stack::kinds::{AnySpec, Desired, Item, Observed, Planning, Verdict};
use crate::stack::left::Spellings;
use crate::stack::plan::{Plan, StudentPlan};

/// Plans a deployment. With `reset`, what students changed is put back as the lab has it.
pub fn plan(desired: &Desired, observed: &Observed, reset: bool) -> Plan {
    let spellings = Spellings::of(desired, observed);
    let students = desired.stacks.iter().map(|stack| {
        let at = Planning {
            scope: &desired.scope,
            stack,
            observed,
            reset,
        };
        let mut items: Vec<Item> = stack.specs().map(|spec| planned(&at, spec)).collect();
        leave_alone_if_unsafe(&mut items);
        StudentPlan {
            spelled: spellings.other(stack.student()),
            ..StudentPlan::new(stack.owner.clone(), items, true)
        }
    });
    Plan::new(desired, observed, students.collect())
}

/// What a deployment does about a resource; with the student's change where it is kept.
fn planned(at: &Planning<'_>, spec: &dyn AnySpec) -> Item {
    let mut item = at.item(spec);
    if item.verdict == Verdict::Keep
        && let Some(change) = spec.change(at)
    {
        item.differs.diff = change.diff;
    }
    item
}

fn leave_alone_if_unsafe(items: &mut [Item]) {
    let is_unsafe = |item: &&Item| matches!(item.verdict, Verdict::Conflict | Verdict::Unknown);
    let Some(cause) = items.iter().find(is_unsafe) else {
        return;
    };
    let cause = cause.resource.to_string();
    for item in items {
        if item.action.take().is_some() {
            item.why = format!("not done before {cause} is cleared up");
        }
    }
}
