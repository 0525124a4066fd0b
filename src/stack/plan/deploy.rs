//! Desired, Observed → what deploy would do.
//!
//! A student with a conflict, or with something that could not be seen, is left alone whole: a half stack
//! beside a foreign resource helps nobody, and a guess over a gap can make duplicates.

use crate::stack::kinds::{Desired, Item, Observed, Planning, Verdict};
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
        let mut items: Vec<Item> = stack.specs().map(|spec| at.item(spec)).collect();
        leave_alone_if_unsafe(&mut items);
        StudentPlan {
            spelled: spellings.other(stack.student()),
            ..StudentPlan::new(stack.owner.clone(), items, true)
        }
    });
    Plan::new(desired, observed, students.collect())
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
