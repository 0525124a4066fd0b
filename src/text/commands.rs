//! Commands that a message tells a person to type.
//!
//! A message names them as `` `homeroom VERB …` ``, in backticks, wherever it is made. Where it is shown, the options that
//! were typed are put in, so that the command is about the same class and cloud when it is pasted.

/// Verbs that are about a class in a cloud, so that the options of the command before count.
const ABOUT_A_CLASS: [&str; 9] = [
    "plan", "deploy", "validate", "status", "report", "watch", "handout", "access", "teardown",
];

const OPENING: &str = "`homeroom ";

/// The text with the options that were typed in every command that is about a class. `invocation`: program and options,
/// as every proposed command begins; empty where none can follow.
pub(crate) fn with_options(text: &str, invocation: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPENING) {
        out.push_str(before);
        let verb = after.split([' ', '`']).next().unwrap_or_default();
        match !invocation.is_empty() && ABOUT_A_CLASS.contains(&verb) {
            true => {
                out.push('`');
                out.push_str(invocation);
                out.push(' ');
            }
            false => out.push_str(OPENING),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_a_message_carries_what_was_typed_once() {
        let typed = "homeroom --class demo --local";
        for (text, expected) in [
            (
                "run `homeroom access grant` again, then `homeroom validate`",
                "run `homeroom --class demo --local access grant` again, then `homeroom --class demo --local validate`",
            ),
            // It has its options already, or needs none.
            (
                "`homeroom --class demo --local plan`",
                "`homeroom --class demo --local plan`",
            ),
            (
                "`homeroom local start` and `homeroom check`",
                "`homeroom local start` and `homeroom check`",
            ),
            ("homeroom did not make it", "homeroom did not make it"),
        ] {
            assert_eq!(with_options(text, typed), expected);
            assert_eq!(with_options(text, ""), text);
        }
    }
}
