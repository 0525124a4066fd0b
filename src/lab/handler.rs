//! Whether a Python file defines the function that a handler names. Lambda finds out when the function is invoked, in class.

use crate::text::similar::did_you_mean;

/// Why a file certainly has no such function; `None` where it may have one.
pub(super) fn lacks(source: &str, entry: &str) -> Option<String> {
    let lines = || {
        let lines = source.lines();
        lines.map(|line| line.split('#').next().unwrap_or_default())
    };
    // Names that come from elsewhere, or from code.
    let open = ["import *", "globals(", "setattr(", "__getattr__", "exec("];
    if open.iter().any(|way| source.contains(way)) || lines().any(|line| defines(line, entry)) {
        return None;
    }
    let names = lines().filter_map(|line| {
        let rest = line.strip_prefix("def ")?;
        Some(rest.split('(').next().unwrap_or(rest).trim())
    });
    let names: Vec<&str> = names.collect();
    let has = match names.is_empty() {
        true => "it defines no function".to_owned(),
        false => format!("it defines {}", names.join(", ")),
    };
    let near = did_you_mean(entry, names.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; {near}"));
    Some(format!("{has}{near}"))
}

/// Whether a line may give a module this name: `def`, `class`, an assignment, an import or a part of one.
fn defines(line: &str, entry: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = line.match_indices(entry).filter(|(at, _)| {
        let (before, after) = (&line[..*at], &line[at + entry.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    });
    places.any(|(at, _)| {
        let (before, after) = (&line[..at], line[at + entry.len()..].trim_start());
        let told = before.trim_start();
        let assigned = (after.starts_with('=') && !after.starts_with("=="))
            || (after.starts_with([',', ':', ')']) && line.contains('='));
        // A line of an import over several lines holds names alone.
        let listed = |text: &str| text.chars().all(|c| is_word(c) || " ,()".contains(c));
        ["def ", "async def ", "class "].contains(&told)
            || line.contains("import ")
            || (assigned && !told.contains('(') && !told.contains('.'))
            || (listed(line) && !after.starts_with('(') && !told.starts_with("return"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_its_file_does_not_define_is_told_with_those_it_does() {
        let source = "import json\n\n# main\ndef man(event, context):\n    return main(event)\n\ndef other():\n    x.main = 1\n";
        let said = lacks(source, "main").unwrap();
        assert_eq!(said, "it defines man, other; did you mean 'man'?");
        assert_eq!(
            lacks("print('main')\n", "main").unwrap(),
            "it defines no function"
        );
    }

    #[test]
    fn whatever_may_give_a_module_the_name_is_taken() {
        for source in [
            "def main(event, context):\n    pass",
            "if True:\n    def main(event, context): ...",
            "main = make()",
            "main: Handler = make()",
            "first, main = pair()",
            "from work import main",
            "from work import (\n    other,\n    main,\n)",
            "from work import run as main",
            "from work import *",
            "class main:\n    pass",
            "globals()['main'] = run",
        ] {
            assert_eq!(lacks(source, "main"), None, "{source}");
        }
    }
}
