//! What students could read of others once they may list the region's functions: environment variables.

use crate::aws::{CallError, Client};
use crate::stack::kinds::function;
use crate::stack::ownership::Record;
use crate::text::words::{plural, some_of};

use crate::verbs::session::Session;

/// Functions that are named one by one.
const FEW: usize = 5;
/// What lets somebody see every function of the region with its environment.
const LISTING: &str = "lambda:ListFunctions";

/// A warning where the lab's policy lets students list functions and others' have environment variables.
pub(super) async fn note(client: &Client, session: &Session) -> Option<String> {
    if !lets_list(session) {
        return None;
    }
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = client.functions_page(token.clone()).await;
        let page = match page {
            Ok(page) => page,
            Err(CallError::Cancelled) => return None,
            Err(CallError::Cloud(error)) => {
                return Some(format!(
                    "students may list the region's functions, and what those tell could not be looked at: {error}"
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
    said(&names)
}

fn said(names: &[String]) -> Option<String> {
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "students can read the environment variables of {} in this region that {} not this class's: {}; set \
             console_lists = false, move the class to another account or region, or keep secrets out of variables",
            plural(names.len(), "function"),
            if names.len() == 1 { "is" } else { "are" },
            some_of(&shown, FEW)
        )
    })
}

/// Whether the students' policy, as the lab fills it in, allows the listing.
fn lets_list(session: &Session) -> bool {
    let (lab, class) = (&session.class.lab, session.class.name());
    let Some(student) = session.class.students.first() else {
        return false;
    };
    lab.students_may(session.scope(), class, student, LISTING)
}

/// Whether it has variables and is not of the class.
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
        assert_eq!(said(&[]), None);
        let names: Vec<String> = (0..9).map(|n| format!("billing-{n}")).collect();
        let text = said(&names).unwrap();
        assert!(
            text.contains("9 functions") && text.contains("billing-0"),
            "{text}"
        );
        assert!(!text.contains("billing-8"), "{text}");
    }
}
