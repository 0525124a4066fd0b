//! Example requests as commands to paste: curl for Bash and its kin, Invoke-RestMethod for PowerShell.
//!
//! Every value stands in single quotes, in which both shells take everything literally except the quote.

use crate::lab::given::ExampleRequest;
use crate::report::handout::content::Piece;

use crate::text::show::clean;
use crate::text::words::posix_quoted;

/// A request for Bash, Zsh and other POSIX shells. `--data-raw`, since `-d` would read a body that begins with
/// `@` from a file; `--globoff`, since curl expands brackets in addresses.
pub fn curl(request: &ExampleRequest) -> String {
    // The keys of an IAM user stand in the environment already, for the AWS CLI.
    let signed = request.sigv4.as_ref().map_or_else(String::new, |provider| {
        let provider = posix(provider);
        format!(
            "--aws-sigv4 {provider} --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \\\n  "
        )
    });
    format!(
        "curl --silent --show-error --globoff --request {} {} \\\n  {signed}--header 'Content-Type: application/json' \\\n  --data-raw {}",
        posix(&request.method),
        posix(&request.url),
        posix(&request.body)
    )
}

/// A request for PowerShell, Windows PowerShell 5.1 included, which sends Latin-1 unless a charset is named. It signs
/// nothing itself: the curl that comes with Windows does, and is given the body through a pipe, since 5.1 would take
/// the quotes out of an argument.
pub fn powershell(request: &ExampleRequest) -> String {
    if let Some(provider) = &request.sigv4 {
        return format!(
            "{} | curl.exe --silent --show-error --globoff --request {} {} `\n  --aws-sigv4 {} --user \"${{env:AWS_ACCESS_KEY_ID}}:${{env:AWS_SECRET_ACCESS_KEY}}\" `\n  --header 'Content-Type: application/json' `\n  --data-binary '@-'",
            power(&request.body),
            power(&request.method),
            power(&request.url),
            power(provider)
        );
    }
    format!(
        "Invoke-RestMethod -Method {} -Uri {} `\n  -ContentType 'application/json; charset=utf-8' `\n  -Body {}",
        power(&request.method),
        power(&request.url),
        power(&request.body)
    )
}

/// The same request so many times for Bash.
pub fn curl_times(request: &ExampleRequest, times: u32) -> String {
    let numbers: Vec<String> = (1..=times).map(|n| n.to_string()).collect();
    // Answers do not end their lines.
    format!(
        "for i in {}; do\n{}\necho\ndone",
        numbers.join(" "),
        curl(request)
    )
}

/// The same request so many times for PowerShell.
pub fn powershell_times(request: &ExampleRequest, times: u32) -> String {
    format!(
        "1..{times} | ForEach-Object {{\n{}\n}}",
        powershell(request)
    )
}

/// A command of a handout for Bash.
pub fn bash(pieces: &[Piece]) -> String {
    spelt(pieces, posix)
}

/// A command of a handout for PowerShell.
pub fn power_command(pieces: &[Piece]) -> String {
    spelt(pieces, power)
}

/// A command's own words as they are, values as quoted words.
fn spelt(pieces: &[Piece], quoted: fn(&str) -> String) -> String {
    let word = |piece: &Piece| match piece {
        Piece::Fixed(text) => text.clone(),
        Piece::Value(value) => quoted(value),
    };
    pieces.iter().map(word).collect()
}

fn posix(text: &str) -> String {
    posix_quoted(&lines(text))
}

/// A single-quoted PowerShell string: quotes are doubled. PowerShell takes typographic single quotes for quotes
/// as well (about_Quoting_Rules), so they are doubled too.
fn power(text: &str) -> String {
    let mut out = String::from("'");
    for c in lines(text).chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// Cleans every line and keeps the line breaks; what a file ends with does not matter to a request.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(clean).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        insta::assert_snapshot!(curl(&request("{\n  \"a\": 1\n}\n")), @r#"
        curl --silent --show-error --globoff --request 'POST' 'https://a.example/prod/process' \
          --header 'Content-Type: application/json' \
          --data-raw '{
          "a": 1
        }'
        "#);
        insta::assert_snapshot!(powershell(&request("{}")), @r"
        Invoke-RestMethod -Method 'POST' -Uri 'https://a.example/prod/process' `
          -ContentType 'application/json; charset=utf-8' `
          -Body '{}'
        ");
    }

    #[test]
    fn a_request_to_an_api_that_wants_it_is_signed_with_environment_keys() {
        let request = ExampleRequest {
            sigv4: Some("aws:amz:us-east-1:execute-api".into()),
            ..request("{}")
        };
        insta::assert_snapshot!(curl(&request), @r#"
        curl --silent --show-error --globoff --request 'POST' 'https://a.example/prod/process' \
          --aws-sigv4 'aws:amz:us-east-1:execute-api' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
          --header 'Content-Type: application/json' \
          --data-raw '{}'
        "#);
        insta::assert_snapshot!(powershell(&request), @r#"
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
                .arg(format!("printf %s {}", posix(body)))
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
            let command = [
                Piece::Fixed("printf '[%s]' x --name=".into()),
                Piece::Value(value.into()),
                Piece::Fixed(" y".into()),
            ];
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(bash(&command))
                .output()
                .unwrap();
            let read = String::from_utf8(out.stdout).unwrap();
            assert_eq!(read, format!("[x][--name={value}][y]"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_request_that_is_repeated_is_one_loop() {
        let script = curl_times(&request("{\n}"), 3);
        // Nothing is sent: a function of that name is asked instead.
        let out = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("curl() {{ printf '%s' \"$#\"; }}\n{script}"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), "10\n10\n10\n");
        insta::assert_snapshot!(powershell_times(&request("{}"), 3), @r"
        1..3 | ForEach-Object {
        Invoke-RestMethod -Method 'POST' -Uri 'https://a.example/prod/process' `
          -ContentType 'application/json; charset=utf-8' `
          -Body '{}'
        }
        ");
    }

    #[test]
    fn a_value_in_a_command_is_one_string_for_powershell() {
        let command = [
            Piece::Fixed("aws x --name ".into()),
            Piece::Value("it's $(x) ’; rm #".into()),
        ];
        assert_eq!(
            power_command(&command),
            "aws x --name 'it''s $(x) ’’; rm #'"
        );
    }

    #[test]
    fn powershell_quotes_are_doubled_the_typographic_ones_too() {
        assert_eq!(power("it's ’x‘"), "'it''s ’’x‘‘'");
    }
}
