//! `--notify`: one message to a webhook when a run ends. It never fails a run, and holds it up for 5 seconds at most.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::say::note_at_once;
use super::sessions::Sessions;
use crate::cli::Cli;
use crate::error::{Error, Exit};
use crate::events::Command;
use crate::evidence::attention::Need;
use crate::lab::mistake::TroubleReason;
use crate::options::Notify;
use crate::report::marks;
use crate::results::RunSummary;
use crate::text::words::{duration, plural};
use crate::web::WebClient;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; nobody needs them.
const BODY_MAX: usize = 64 * 1024;

/// Sends a message. Answers with a note where that did not work; the note names the server alone, since the rest of the
/// address is a secret.
pub(super) async fn send(notify: &Notify, message: &Value) -> Option<String> {
    send_within(TIMEOUT, notify, message).await
}

async fn send_within(timeout: Duration, notify: &Notify, message: &Value) -> Option<String> {
    let client = WebClient::new(&notify.url, timeout, BODY_MAX);
    let headers = [("content-type", "application/json".to_owned())];
    let body = message.to_string();
    let why = match client
        .send("POST", &notify.url, &headers, body.as_bytes())
        .await
    {
        Ok(answer) if (200..300).contains(&answer.status) => return None,
        Ok(answer) => format!("it answers with status {}", answer.status),
        Err(why) => why.to_string(),
    };
    let server = notify.url.origin();
    Some(format!(
        "could not notify {server}: {why}; the run is not affected"
    ))
}

/// Tells that a run has ended, where that is asked for.
pub(super) async fn ended(session: &Sessions, summary: &RunSummary, exit: Exit) {
    let settings = &session.class.settings;
    let Some(notify) = settings
        .notify
        .as_ref()
        .filter(|_| is_told(summary.command))
    else {
        return;
    };
    let note = send(notify, &message(summary, exit, notify.names)).await;
    note_at_once(settings.ui, note.as_slice());
}

/// Tells that a run ended by an error. What went wrong stays here: it may name students.
pub(super) async fn failed(cli: &Cli, error: &Error) {
    let command = cli.verb.command().filter(|command| is_told(*command));
    // Where the settings themselves are wrong, nobody knows whom to tell.
    let (Some(command), Ok(settings)) = (command, cli.settings()) else {
        return;
    };
    let Some(notify) = &settings.notify else {
        return;
    };
    let (verb, code) = (command.as_str(), error.exit.code());
    let class = settings.class.as_str();
    let message = json!({
        "text": format!("homeroom {verb} of class {class} stopped with an error (exit code {code})"),
        "verb": verb,
        "class": class,
        "outcomes": {},
        "exit_code": code,
    });
    let note = send(notify, &message).await;
    note_at_once(settings.ui, note.as_slice());
}

/// Tells who needs somebody, where that is asked for and has changed: somebody is new among them, is no more, or for another reason.
pub(super) async fn attention(session: &Sessions, before: &[Need], now: &[Need]) {
    let settings = &session.class.settings;
    let Some(notify) = settings.notify.as_ref().filter(|_| who(before) != who(now)) else {
        return;
    };
    let message = attention_message(session.class.name().as_str(), before, now, notify.names);
    let note = send(notify, &message).await;
    note_at_once(settings.ui, note.as_slice());
}

fn who(needs: &[Need]) -> BTreeSet<(&str, TroubleReason)> {
    let who = needs.iter();
    who.map(|need| (need.username.as_str(), need.trouble.reason))
        .collect()
}

fn attention_message(class: &str, before: &[Need], now: &[Need], names: bool) -> Value {
    let mut reasons: BTreeMap<TroubleReason, Vec<&str>> = BTreeMap::new();
    for (username, reason) in who(now) {
        reasons.entry(reason).or_default().push(username);
    }
    let counts: BTreeMap<TroubleReason, usize> = reasons
        .iter()
        .map(|(reason, of)| (*reason, of.len()))
        .collect();
    let new = who(now).difference(&who(before)).count();
    let mut message = json!({
        "text": match now.len() {
            0 => format!("homeroom watch of class {class}: nobody seems stuck any more"),
            n => {
                let need = if n == 1 { "needs" } else { "need" };
                format!("homeroom watch of class {class}: {} {need} somebody, {new} of them new", plural(n, "student"))
            }
        },
        "verb": "watch",
        "class": class,
        "attention": counts,
        "new": new,
    });
    if names {
        message["usernames"] = json!(reasons);
    }
    message
}

/// Whether the end of a verb is worth a message: it takes time, or changes something.
fn is_told(command: Command) -> bool {
    match command {
        Command::Deploy
        | Command::Validate
        | Command::Isolation
        | Command::Report
        | Command::Teardown
        | Command::AccessGrant
        | Command::AccessRevoke
        | Command::AccessFreeze
        | Command::AccessThaw
        | Command::GradesPush => true,
        Command::Rehearse
        | Command::Plan
        | Command::Status
        | Command::Watch
        | Command::Handout
        | Command::AccessSlips
        | Command::Check
        | Command::Classes
        | Command::Sweep
        | Command::Doctor => false,
    }
}

fn message(summary: &RunSummary, exit: Exit, names: bool) -> Value {
    let mut outcomes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    for student in &summary.students {
        let outcome = student.outcome.as_str();
        let of_outcome = outcomes.entry(outcome).or_default();
        of_outcome.push(student.username.as_str());
        words.insert(outcome, marks::of_outcome(student.outcome).word);
    }
    let counts: BTreeMap<&str, usize> = outcomes
        .iter()
        .map(|(word, of)| (*word, of.len()))
        .collect();
    let said: Vec<String> = counts
        .iter()
        .map(|(outcome, n)| format!("{n} {}", words[outcome]))
        .collect();
    let (verb, class) = (summary.command.as_str(), summary.class.as_str());
    let said = match said.is_empty() {
        true => "nobody".to_owned(),
        false => said.join(", "),
    };
    let elapsed = duration(Duration::from_secs_f64(summary.elapsed_s.max(0.0)));
    let code = exit.code();
    let mut message = json!({
        "text": format!("homeroom {verb} of class {class}: {said} (exit code {code}, {elapsed})"),
        "verb": verb,
        "class": class,
        "students": summary.students.len(),
        "outcomes": counts,
        "exit_code": code,
        "elapsed_s": summary.elapsed_s,
    });
    if names {
        message["usernames"] = json!(outcomes);
    }
    message
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::events::Outcome;
    use crate::evidence::activity::Trouble;
    use crate::lab::mistake::Listener;
    use crate::results::StudentResult;

    fn summary() -> RunSummary {
        let student = |name: &str, outcome| StudentResult::new(name.parse().unwrap(), outcome);
        RunSummary {
            notes: vec!["a note that names ana".to_owned()],
            elapsed_s: 75.0,
            ..RunSummary::new(
                Command::Deploy,
                "spring".parse().unwrap(),
                vec![
                    student("ana", Outcome::Deployed),
                    student("ben", Outcome::Deployed),
                    student("cora", Outcome::Failed),
                ],
            )
        }
    }

    #[test]
    fn a_message_names_nobody_unless_that_is_asked_for() {
        let without = message(&summary(), Exit::SomeFailed, false);
        for name in ["ana", "ben", "cora"] {
            assert!(!without.to_string().contains(name), "{without}");
        }
        let text = without["text"].as_str().unwrap();
        assert!(
            text.starts_with(
                "homeroom deploy of class spring: 2 deployed, 1 failed (exit code 3, "
            ),
            "{text}"
        );
        assert_eq!(without["outcomes"], json!({ "deployed": 2, "failed": 1 }));
        let with = message(&summary(), Exit::SomeFailed, true);
        assert_eq!(with["usernames"]["failed"], json!(["cora"]));
    }

    #[test]
    fn a_change_of_attention_is_told_without_names() {
        let need = |name: &str, reason| Need {
            username: name.parse().unwrap(),
            trouble: Trouble {
                reason,
                task: None,
                count: Some(2),
                since: None,
                cause: Some("ana wrote this".to_owned()),
                say: None,
                act: None,
                to: Listener::Student,
                room: None,
            },
        };
        let before = [need("ana", TroubleReason::Idle)];
        let now = [
            need("ana", TroubleReason::Idle),
            need("ben", TroubleReason::OwnChange),
        ];
        assert_eq!(who(&before), who(&before.clone()));
        assert_ne!(who(&before), who(&now));
        let message = attention_message("spring", &before, &now, false);
        let text = "homeroom watch of class spring: 2 students need somebody, 1 of them new";
        assert_eq!(message["text"], text);
        assert_eq!(message["attention"], json!({ "own-change": 1, "idle": 1 }));
        assert!(!message.to_string().contains("ana"), "{message}");
        let named = attention_message("spring", &before, &now, true);
        assert_eq!(named["usernames"]["own-change"], json!(["ben"]));
        let over = attention_message("spring", &now, &[], false);
        assert!(
            over["text"]
                .as_str()
                .unwrap()
                .ends_with("nobody seems stuck any more")
        );
    }

    /// A server that takes one request and gives this answer; `None`: none at all. Answers with the request.
    async fn serve(answer: Option<&'static str>) -> (Notify, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/T0-secret", listener.local_addr().unwrap());
        let notify = Notify {
            url: url.parse().unwrap(),
            names: false,
        };
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                if stream.read_buf(&mut request).await.unwrap() == 0 {
                    break;
                }
            }
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).await.unwrap();
            } else {
                // Until the client gives up.
                let _ = stream.read_buf(&mut request).await;
            }
            String::from_utf8(request).unwrap()
        });
        (notify, server)
    }

    #[tokio::test]
    async fn a_message_is_one_post_of_json() {
        let (notify, server) = serve(Some("HTTP/1.1 204 No Content\r\n\r\n")).await;
        assert_eq!(send(&notify, &json!({ "text": "x" })).await, None);
        let request = server.await.unwrap();
        assert!(
            request.starts_with("POST /hooks/T0-secret HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains("content-type: application/json"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\n{\"text\":\"x\"}"), "{request}");
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_a_note_without_the_secret() {
        let refuse = "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nT0-secret";
        let (notify, _server) = serve(Some(refuse)).await;
        let note = send(&notify, &json!({})).await.unwrap();
        assert!(note.contains("answers with status 404"), "{note}");
        assert!(!note.contains("secret"), "{note}");
    }

    #[tokio::test]
    async fn a_server_that_is_slow_or_away_holds_nobody_up() {
        let (notify, server) = serve(None).await;
        let note = send_within(Duration::from_millis(100), &notify, &json!({}))
            .await
            .unwrap();
        assert!(note.contains("no whole answer"), "{note}");
        server.await.unwrap();
        // Nobody listens there any more.
        let note = send(&notify, &json!({})).await.unwrap();
        assert!(
            note.contains("no answer") && !note.contains("secret"),
            "{note}"
        );
    }
}
