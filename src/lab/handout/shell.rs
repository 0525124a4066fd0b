//! Commands to paste: how a value becomes one word for a shell, and where in a command of a lab one may stand.
//!
//! Every value stands in single quotes. Within them both shells take everything literally, except the quote itself. So a
//! value must stand where a word can: outside quotes and comments, with white space or a `=` before it and white space
//! behind it.

use crate::lab::given::ExampleRequest;
use crate::text::show::clean;
use crate::text::words::posix_quoted;

/// A shell that commands are written for. Bash stands for all POSIX shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    PowerShell,
}

impl Shell {
    fn escape(self) -> char {
        match self {
            Self::Bash => '\\',
            Self::PowerShell => '`',
        }
    }

    /// A word in single quotes. PowerShell takes typographic single quotes for quotes as well (about_Quoting_Rules), so
    /// they are doubled, too.
    pub(super) fn quoted(self, text: &str) -> String {
        let text = lines(text);
        match self {
            Self::Bash => posix_quoted(&text),
            Self::PowerShell => {
                let is_quote = |c| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
                let times = |c| if is_quote(c) { 2 } else { 1 };
                let doubled = text.chars().flat_map(|c| std::iter::repeat_n(c, times(c)));
                format!("'{}'", doubled.collect::<String>())
            }
        }
    }

    /// The command that sends a request.
    ///
    /// Bash: `--data-raw`, since `-d` would read a body that begins with `@` from a file; `--globoff`, since curl expands
    /// brackets in addresses.
    ///
    /// PowerShell, Windows PowerShell 5.1 included, sends Latin-1 unless a charset is named. It signs nothing itself: the
    /// curl that comes with Windows does, and is given the body through a pipe, since 5.1 would take the quotes out of
    /// an argument.
    pub(crate) fn request(self, request: &ExampleRequest) -> String {
        let ExampleRequest {
            method, url, body, ..
        } = request;
        let has_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
        let [method, url, body] = [method, url, body].map(|text| self.quoted(text));
        // The keys of an IAM user stand in the environment already, for the AWS CLI.
        let provider = request.sigv4.as_ref().map(|text| self.quoted(text));
        match (self, provider) {
            (Self::Bash, None) if !has_body => {
                format!("curl --silent --show-error --globoff --request {method} {url}")
            }
            (Self::Bash, Some(provider)) if !has_body => format!(
                "curl --silent --show-error --globoff --request {method} {url} \\\n  --aws-sigv4 {provider} --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\""
            ),
            (Self::PowerShell, Some(provider)) if !has_body => format!(
                "curl.exe --silent --show-error --globoff --request {method} {url} `\n  --aws-sigv4 {provider} --user \"${{env:AWS_ACCESS_KEY_ID}}:${{env:AWS_SECRET_ACCESS_KEY}}\""
            ),
            (Self::PowerShell, None) if !has_body => {
                format!("Invoke-RestMethod -Method {method} -Uri {url}")
            }
            (Self::Bash, provider) => {
                let signed = provider.map(|provider| format!(
                    "--aws-sigv4 {provider} --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \\\n  "
                ));
                let signed = signed.unwrap_or_default();
                format!(
                    "curl --silent --show-error --globoff --request {method} {url} \\\n  {signed}--header 'Content-Type: application/json' \\\n  --data-raw {body}"
                )
            }
            (Self::PowerShell, Some(provider)) => format!(
                "{body} | curl.exe --silent --show-error --globoff --request {method} {url} `\n  --aws-sigv4 {provider} --user \"${{env:AWS_ACCESS_KEY_ID}}:${{env:AWS_SECRET_ACCESS_KEY}}\" `\n  --header 'Content-Type: application/json' `\n  --data-binary '@-'"
            ),
            (Self::PowerShell, None) => format!(
                "Invoke-RestMethod -Method {method} -Uri {url} `\n  -ContentType 'application/json; charset=utf-8' `\n  -Body {body}"
            ),
        }
    }

    /// The command that sends a request so many times.
    pub(super) fn requests(self, request: &ExampleRequest, times: u32) -> String {
        let once = self.request(request);
        if times == 1 {
            return once;
        }
        match self {
            Self::Bash => {
                let numbers: Vec<String> = (1..=times).map(|n| n.to_string()).collect();
                // Answers do not end their lines.
                format!("for i in {}; do\n{once}\necho\ndone", numbers.join(" "))
            }
            Self::PowerShell => format!("1..{times} | ForEach-Object {{\n{once}\n}}"),
        }
    }
}

/// Cleans every line and keeps the line breaks; what a file ends with does not matter to a request.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(clean).collect();
    lines.join("\n")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CommandPart {
    /// The command's own words.
    Fixed(String),
    /// The template of a value: one word for the shell, whatever it becomes.
    Value(String),
}

/// The parts of a command, and every problem that it has.
pub(super) fn command_parts(source: &str, shell: Shell) -> (Vec<CommandPart>, Vec<String>) {
    let mut parts = Vec::new();
    let mut problems = Vec::new();
    let mut place = Quoting::Between;
    let mut rest = source;
    for mark in ["{%", "{#"] {
        if source.contains(mark) {
            problems.push(format!(
                "{mark} is not supported in commands; write two blocks, or name a value with {{{{ }}}}"
            ));
        }
    }
    if shell == Shell::Bash && source.contains("<<") {
        problems.push("<< is not supported in commands; put the text between single quotes".into());
    }
    if shell == Shell::PowerShell && (source.contains("@'") || source.contains("@\"")) {
        let problem =
            "here-strings are not supported in commands; put the text between single quotes";
        problems.push(problem.into());
    }
    while let Some(begin) = rest.find("{{") {
        let (fixed, from) = rest.split_at(begin);
        let Some(length) = from.find("}}").map(|at| at + 2) else {
            problems.push("{{ has no }}".into());
            break;
        };
        let (value, after) = from.split_at(length);
        place = place.after(fixed, shell);
        let begins = match fixed.chars().next_back() {
            None => parts.is_empty(),
            Some(c) => c.is_whitespace() || c == '=',
        };
        let next = after.chars().next();
        let ends = next.is_none_or(|c| c.is_whitespace() || matches!(c, ')' | ';'));
        if !matches!(place, Quoting::Word | Quoting::Between) || !begins || !ends {
            problems.push(format!(
                "{value} must stand as a word of its own, outside quotes and comments: it is quoted when it is filled in"
            ));
        }
        if !fixed.is_empty() {
            parts.push(CommandPart::Fixed(fixed.to_owned()));
        }
        parts.push(CommandPart::Value(value.to_owned()));
        place = Quoting::Word;
        rest = after;
    }
    place = place.after(rest, shell);
    if matches!(place, Quoting::Single | Quoting::Double) {
        problems.push("a quote has no end".into());
    }
    let rest = rest.trim_end();
    if !rest.is_empty() {
        parts.push(CommandPart::Fixed(rest.to_owned()));
    }
    (parts, problems)
}

/// How the shell reads the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// Between words, where a comment may begin.
    Between,
    Word,
    Escaped,
    Single,
    Double,
    EscapedInDouble,
    Comment,
}

impl Quoting {
    fn after(self, text: &str, shell: Shell) -> Self {
        text.chars().fold(self, |place, c| match place {
            Self::Comment if c == '\n' => Self::Between,
            Self::Comment => Self::Comment,
            Self::Escaped => Self::Word,
            Self::EscapedInDouble => Self::Double,
            Self::Single if c == '\'' => Self::Word,
            Self::Single => Self::Single,
            Self::Double if c == '"' => Self::Word,
            Self::Double if c == shell.escape() => Self::EscapedInDouble,
            Self::Double => Self::Double,
            Self::Between if c == '#' => Self::Comment,
            Self::Between | Self::Word => match c {
                '\'' => Self::Single,
                '"' => Self::Double,
                c if c == shell.escape() => Self::Escaped,
                c if c.is_whitespace() => Self::Between,
                _ => Self::Word,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str, shell: Shell) -> Vec<String> {
        command_parts(source, shell).1
    }

    #[test]
    fn a_value_stands_as_a_word_or_is_refused() {
        for shell in [Shell::Bash, Shell::PowerShell] {
            for good in [
                "aws x --name {{ username }} --last",
                "{{ username }}",
                "aws --name={{ username }}",
                "# don't worry\naws {{ username }}",
                "echo 'a b' {{ username }}",
            ] {
                assert_eq!(problems(good, shell), Vec::<String>::new(), "{good}");
            }
            for bad in [
                "echo '{{ username }}'",
                "echo \"{{ username }}\"",
                "echo a{{ username }}",
                "echo {{ username }}b",
                "echo {{ username }}{{ class }}",
                "# of {{ username }}",
                "echo 'x",
                "echo {{ x",
                "{% if x %}a{% endif %}",
            ] {
                assert_ne!(problems(bad, shell), Vec::<String>::new(), "{bad}");
            }
        }
        assert_ne!(problems("cat <<X\nX", Shell::Bash), Vec::<String>::new());
        assert_ne!(
            problems("$x = @'\n'@", Shell::PowerShell),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_shells_own_escape_is_known() {
        assert_eq!(
            problems(r#"echo "\"" {{ x }}"#, Shell::Bash),
            Vec::<String>::new()
        );
        assert_ne!(
            problems(r"echo \{{ x }}", Shell::Bash),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("a `\n  {{ x }}", Shell::PowerShell),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("a \\\n  {{ x }}", Shell::Bash),
            Vec::<String>::new()
        );
    }

    fn request(body: &str) -> ExampleRequest {
        ExampleRequest {
            id: "x".into(),
            title: "x".into(),
            method: "POST".into(),
            url: "https://a.example/prod/process".into(),
            body: body.into(),
            sigv4: None,
        }
    }

    #[test]
    fn a_request_reads_as_one_command() {
        insta::assert_snapshot!(Shell::Bash.request(&request("{\n  \"a\": 1\n}\n")), @r#"
        curl --silent --show-error --globoff --request 'POST' 'https://a.example/prod/process' \
          --header 'Content-Type: application/json' \
          --data-raw '{
          "a": 1
        }'
        "#);
        insta::assert_snapshot!(Shell::PowerShell.request(&request("{}")), @r"
        Invoke-RestMethod -Method 'POST' -Uri 'https://a.example/prod/process' `
          -ContentType 'application/json; charset=utf-8' `
          -Body '{}'
        ");
    }

    #[test]
    fn a_request_without_a_body_sends_none() {
        let plain = ExampleRequest {
            method: "GET".into(),
            ..request("")
        };
        let signed = ExampleRequest {
            sigv4: Some("aws:amz:us-east-1:execute-api".into()),
            ..plain.clone()
        };
        for shell in [Shell::Bash, Shell::PowerShell] {
            for request in [&plain, &signed] {
                let command = shell.request(request);
                assert!(command.contains("'GET'"), "{command}");
                assert!(
                    !command.contains("data") && !command.contains("Body"),
                    "{command}"
                );
                assert_eq!(command.contains("sigv4"), request.sigv4.is_some());
            }
        }
    }

    #[test]
    fn a_request_to_an_api_that_wants_it_is_signed_with_environment_keys() {
        let request = ExampleRequest {
            sigv4: Some("aws:amz:us-east-1:execute-api".into()),
            ..request("{}")
        };
        insta::assert_snapshot!(Shell::Bash.request(&request), @r#"
        curl --silent --show-error --globoff --request 'POST' 'https://a.example/prod/process' \
          --aws-sigv4 'aws:amz:us-east-1:execute-api' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
          --header 'Content-Type: application/json' \
          --data-raw '{}'
        "#);
        insta::assert_snapshot!(Shell::PowerShell.request(&request), @r#"
        '{}' | curl.exe --silent --show-error --globoff --request 'POST' 'https://a.example/prod/process' `
          --aws-sigv4 'aws:amz:us-east-1:execute-api' --user "${env:AWS_ACCESS_KEY_ID}:${env:AWS_SECRET_ACCESS_KEY}" `
          --header 'Content-Type: application/json' `
          --data-binary '@-'
        "#);
    }

    #[cfg(unix)]
    #[test]
    fn a_posix_shell_reads_back_every_body_as_it_is() {
        for body in [
            "it's",
            "$(id) `id` \\ \"x\" !1",
            "'; rm -rf / #",
            "a\nb",
            "@/etc/passwd",
        ] {
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", Shell::Bash.quoted(body)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), body);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_in_a_command_is_one_word_for_a_posix_shell() {
        for value in [
            "it's",
            "$(id) `id` \\ \"x\"",
            "'; rm -rf / #",
            "a  b",
            "*",
            "-n",
        ] {
            let command = format!("printf '[%s]' x --name={} y", Shell::Bash.quoted(value));
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(command)
                .output()
                .unwrap();
            let read = String::from_utf8(out.stdout).unwrap();
            assert_eq!(read, format!("[x][--name={value}][y]"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_request_that_is_repeated_is_one_loop() {
        let script = Shell::Bash.requests(&request("{\n}"), 3);
        // Nothing is sent: a function of that name is asked instead.
        let out = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("curl() {{ printf '%s' \"$#\"; }}\n{script}"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), "10\n10\n10\n");
        insta::assert_snapshot!(Shell::PowerShell.requests(&request("{}"), 3), @r"
        1..3 | ForEach-Object {
        Invoke-RestMethod -Method 'POST' -Uri 'https://a.example/prod/process' `
          -ContentType 'application/json; charset=utf-8' `
          -Body '{}'
        }
        ");
    }

    #[test]
    fn a_value_in_a_command_is_one_string_for_powershell() {
        assert_eq!(
            Shell::PowerShell.quoted("it's $(x) ’; rm #"),
            "'it''s $(x) ’’; rm #'"
        );
    }

    #[test]
    fn powershell_quotes_are_doubled_the_typographic_ones_too() {
        assert_eq!(Shell::PowerShell.quoted("it's ’x‘"), "'it''s ’’x‘‘'");
    }
}
