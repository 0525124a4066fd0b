//! `grades push`, as far as it goes before AWS is asked: what it refuses, and that its token stays a secret.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

const TOKEN: &str = "7~verysecrettoken";

/// A folder with a roster and a token.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("demo.csv"), "username\nuser1\n").unwrap();
    let token = folder.path().join("token");
    fs::write(&token, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn push(folder: &TempDir, words: &[&str]) -> Output {
    command(folder, words).output().unwrap()
}

fn command(folder: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
    command
        .args(["--roster", "demo.csv", "grades", "push", "canvas"])
        .args(["--course", "12", "--assignment", "345"])
        .args(words)
        .current_dir(folder.path())
        .env_remove("CANVAS_TOKEN")
        .env_remove("CANVAS_URL")
        .env_remove("HOMEROOM_NOTIFY");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Answers one request with 401 and everything that the client sent. Gives the request.
fn echo(listener: TcpListener) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !request.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut request).unwrap() > 0);
        }
        let said = serde_json::json!({ "errors": [{ "message": request }] }).to_string();
        let head = format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n",
            said.len()
        );
        stream.write_all((head + &said).as_bytes()).unwrap();
        request
    })
}

#[test]
fn the_canvas_token_is_in_no_output_and_no_log() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = echo(listener);
    let words = [
        "--canvas-url",
        &url,
        "--token-file",
        "token",
        "-vv",
        "--log-file",
        "calls.log",
    ];
    let output = push(&folder, &words);
    let said = stderr(&output);
    assert!(server.join().unwrap().contains(TOKEN));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not accept the token"), "{said}");
    let log = fs::read_to_string(folder.path().join("calls.log")).unwrap();
    assert!(log.contains("/api/v1/courses/12/assignments/345"), "{log}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    for text in [said.as_str(), &log, &stdout] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn a_token_file_that_others_can_read_is_refused() {
    let folder = folder();
    let token = folder.path().join("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let words = [
        "--canvas-url",
        "https://canvas.invalid",
        "--token-file",
        "token",
    ];
    let output = push(&folder, &words);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("mode 0644") && said.contains("chmod 600"),
        "{said}"
    );
}

#[test]
fn a_missing_token_and_address_are_said_at_once() {
    let output = push(&folder(), &[]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--canvas-url") && said.contains("CANVAS_TOKEN"),
        "{said}"
    );
}

#[test]
fn a_confirmation_of_another_course_asks_nobody() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let words = [
        "--canvas-url",
        &url,
        "--token-file",
        "token",
        "--confirm",
        "13",
    ];
    let output = push(&folder, &words);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert!(listener.accept().is_err());
}

#[test]
fn a_canvas_address_with_the_token_in_it_is_refused_and_not_repeated() {
    let address = format!("https://{TOKEN}@canvas.example.edu");
    let file = folder();
    let settings = format!("canvas-url = \"{address}\"\n");
    fs::write(file.path().join("homeroom.toml"), settings).unwrap();
    let empty = folder();
    let mut with_variable = command(&empty, &[]);
    for output in [
        push(&folder(), &["--canvas-url", &address]),
        push(&file, &[]),
        with_variable.env("CANVAS_URL", &address).output().unwrap(),
    ] {
        let said = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("has a user's name in it"), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[test]
fn a_canvas_address_without_tls_is_refused() {
    let output = push(&folder(), &["--canvas-url", "http://canvas.example.edu"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("only https:// is safe"), "{said}");
}

#[test]
fn a_wrong_webhook_address_is_refused_and_not_repeated() {
    let output = Command::new(env!("CARGO_BIN_EXE_homeroom"))
        .args(["--roster", "demo.csv", "plan", "--output", "json"])
        .current_dir(folder().path())
        .env("HOMEROOM_NOTIFY", "http://hooks.example.com/T0/verysecret")
        .output()
        .unwrap();
    let said = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("only https:// is safe"), "{said}");
    assert!(!said.contains("verysecret"), "{said}");
}
