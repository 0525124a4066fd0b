//! What students can read of others where they may list the region's functions: environment variables.

use crate::aws::{CallError, Client};
use crate::stack::kinds::function;
use crate::stack::ownership::Record;
use crate::text::words::{plural, some_of};

use crate::verbs::session::Session;

/// Most functions that the warning names.
const FEW: usize = 5;
/// The action that shows every function of the region with its environment.
const LISTING: &str = "lambda:ListFunctions";

/// A warning where the lab's policy lets students list functions and others' have environment variables.
pub(super) async fn note(client: &Client, session: &Session) -> Option<String> {
    if !lets_list(session) {
        return None;
    }
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = match client.functions_page(token.clone()).await {
            Ok(page) => page,
            Err(CallError::Cancelled) => return None,
            Err(CallError::Cloud(error)) => {
                return Some(format!(
                    "students may list the region's functions, and what they can see there could not be checked: {error}"
                ));
            }
        };
        let others = page.items.into_iter().filter(|f| is_exposed(f, session));
        names.extend(others.map(|function| function.name));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    warning(&names)
}

fn warning(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "students can read the environment variables of {} in this region that {} not this class's: {}; set \
             console_lists = false, move the class to another account or region, or keep secrets out of variables",
            plural(names.len(), "function"),
            if names.len() == 1 { "is" } else { "are" },
            some_of(names, FEW)
        )
    })
}

fn lets_list(session: &Session) -> bool {
    let (lab, class) = (&session.class.lab, session.class.name());
    let Some(student) = session.class.students.first() else {
        return false;
    };
    lab.students_may(session.scope(), class, student, LISTING)
}

fn is_exposed(function: &function::Seen, session: &Session) -> bool {
    let record = Record::parse(&function.description);
    let ours = record.is_some_and(|record| record.owner.class == *session.class.name());
    !ours && !function.environment.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_with_something_to_read_are_warned_of_and_few_named() {
        assert_eq!(warning(&[]), None);
        let names: Vec<String> = (0..9).map(|n| format!("billing-{n}")).collect();
        let text = warning(&names).unwrap();
        assert!(
            text.contains("9 functions") && text.contains("billing-0"),
            "{text}"
        );
        assert!(!text.contains("billing-8"), "{text}");
    }
}
