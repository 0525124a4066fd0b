//! What can stand behind `--set`: a setting of the lab, and the values that it takes.

use clap_complete::engine::CompletionCandidate;

use crate::lab::{Lab, bundle};
use crate::options::{ClassSettings, ProcessContext};

/// What is offered for the word that begins so.
pub(super) fn offered(typed: &str) -> Vec<CompletionCandidate> {
    let lab = lab().into_iter();
    lab.flat_map(|lab| candidates(&lab, typed)).collect()
}

/// The lab that the command line and the settings name. It needs no roster.
fn lab() -> Option<Lab> {
    let typed = super::around()?;
    let process = ProcessContext::look(&typed);
    let settings = ClassSettings::resolve_without_roster(&typed, &process).ok()?;
    bundle::load(settings.lab.folder()).ok()
}

/// The settings that begin so, each with its `=` and the value that the lab gives it; behind the `=` values.
fn candidates(lab: &Lab, typed: &str) -> Vec<CompletionCandidate> {
    let Some((key, begun)) = typed.split_once('=') else {
        let settings = lab.settings().filter(|(key, _)| key.starts_with(typed));
        let candidate = |(key, value): (&String, String)| {
            CompletionCandidate::new(format!("{key}=")).help(Some(value.into()))
        };
        return settings.map(candidate).collect();
    };
    let mut values = lab.choices_of(key);
    if values.is_empty() {
        // Something to begin with.
        let of_lab = lab.settings().find(|(name, _)| *name == key);
        values.extend(of_lab.map(|(_, value)| value));
    }
    values.retain(|value| value.starts_with(begun));
    let values = values.into_iter();
    values
        .map(|value| CompletionCandidate::new(format!("{key}={value}")))
        .collect()
}

/// How clap's script for bash takes the words. Bash ends a word at each `=`, so `KEY=VALUE` would be three of them.
const WORDS: &str = r#"    local words=("${COMP_WORDS[@]}")
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        words[COMP_CWORD]="$2"
    fi
"#;
const JOINED_WORDS: &str = r#"    # Bash ends a word at each "=".
    local words=() word at before=""
    for at in "${!COMP_WORDS[@]}"; do
        word="${COMP_WORDS[at]}"
        if [[ $at == "$COMP_CWORD" && $word != "=" && "${BASH_VERSINFO[0]}" -ge 4 ]]; then
            word="$2"
        fi
        if [[ $at != 0 && ( $word == "=" || $before == "=" ) ]]; then
            words[${#words[@]}-1]+="$word"
        else
            words+=("$word")
        fi
        before="$word"
        if [[ $at == "$COMP_CWORD" ]]; then
            _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1))
        fi
    done
"#;
const END: &str = r#"        compopt -o nospace
    fi
}
"#;
const SHORTENED: &str = r#"        compopt -o nospace
    fi
    # It puts an answer in the place of what follows the last "=".
    local typed="${words[_CLAP_COMPLETE_INDEX]}"
    if [[ $COMP_WORDBREAKS == *=* && $typed == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${typed%=*}="}")
    fi
}
"#;

/// Clap's script, which for bash then knows `KEY=VALUE` as one word.
pub(super) fn with_joined_words(script: &str) -> String {
    script.replace(WORDS, JOINED_WORDS).replace(END, SHORTENED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(typed: &str) -> Vec<String> {
        let lab = bundle::load(None).unwrap();
        let all = candidates(&lab, typed).into_iter();
        all.map(|one| one.get_value().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn settings_complete_with_their_equals_sign_and_then_their_values() {
        assert_eq!(
            shown("api_"),
            ["api_authorization=", "api_burst=", "api_rate=", "api_type="]
        );
        assert_eq!(shown("api_type="), ["api_type=REST", "api_type=HTTP"]);
        assert_eq!(shown("api_type=H"), ["api_type=HTTP"]);
        assert_eq!(
            shown("api_authorization="),
            ["api_authorization=NONE", "api_authorization=AWS_IAM"]
        );
        assert_eq!(shown("reserved_concurrency="), ["reserved_concurrency=off"]);
        assert_eq!(shown("console_lists=f"), ["console_lists=false"]);
        let days = shown("log_retention_days=");
        assert!(
            days.len() > 20 && days.contains(&"log_retention_days=7".to_owned()),
            "{days:?}"
        );
        // What takes anything, or any number, shows what the lab has.
        assert_eq!(shown("log_level="), ["log_level=INFO"]);
        assert_eq!(shown("api_rate="), ["api_rate=5"]);
        assert_eq!(shown("nope="), [""; 0]);
    }
}
