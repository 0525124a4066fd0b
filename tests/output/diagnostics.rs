//! `--log-file` and `-vv`, by the program itself, before an AWS that lets nobody in.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const REQUEST_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Answers every request with AccessDenied.
fn refuser() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 64 * 1024];
            let _ = connection.read(&mut request);
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>you may not</Message></Error></ErrorResponse>";
            let _ = write!(
                connection,
                "HTTP/1.1 403 Forbidden\r\nx-amzn-requestid: {REQUEST_ID}\r\nContent-Type: text/xml\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

fn plan(folder: &Path, url: &str, options: &[&str]) -> (Output, String) {
    let output = command(folder, url, options).output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

fn command(folder: &Path, url: &str, options: &[&str]) -> Command {
    fs::write(folder.join("lab6.csv"), "username,name\nuser1,Ana Ruiz\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeroom"));
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", "the-instructors-secret")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .current_dir(folder)
        .args(["plan", "--roster", "lab6.csv", "--region", "us-east-1"])
        .args(["--endpoint-url", url])
        .args(options)
        .stdin(Stdio::null());
    command
}

#[test]
fn a_denied_calls_request_id_stands_in_a_private_log_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls.log");
    fs::write(&log, "before\n").unwrap();
    let (output, said) = plan(folder.path(), &refuser(), &["--log-file", "calls.log"]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("before\n"), "{text}");
    let call = text.lines().find(|line| line.contains(REQUEST_ID)).unwrap();
    assert!(call.contains("sts:GetCallerIdentity"), "{call}");
    assert!(call.contains("outcome=\"AccessDenied\""), "{call}");
    assert!(!text.contains("the-instructors-secret"));
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!said.contains("outcome="), "{said}");
}

#[test]
fn without_the_options_nothing_is_written_and_vv_writes_to_stderr() {
    let (folder, url) = (tempfile::tempdir().unwrap(), refuser());
    let (_, said) = plan(folder.path(), &url, &["-v"]);
    assert!(!said.contains("outcome="), "{said}");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "the roster alone: {names:?}");
    let (_, said) = plan(folder.path(), &url, &["-vv"]);
    assert!(said.contains("outcome=\"AccessDenied\""), "{said}");
    assert!(!said.contains("the-instructors-secret"));
}

#[test]
fn a_log_file_that_cannot_be_written_ends_the_command_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--log-file", "no/such/folder.log"];
    let (output, said) = plan(folder.path(), &refuser(), &options);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--log-file: no/such/folder.log: "), "{said}");
}

#[test]
fn stderr_and_the_file_get_the_same_lines_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["-vv", "--log-file", "calls.log"];
    let (_, said) = plan(folder.path(), &refuser(), &options);
    let text = fs::read_to_string(folder.path().join("calls.log")).unwrap();
    let calls: Vec<&str> = text.lines().filter(|line| line.contains("call{")).collect();
    assert!(!calls.is_empty());
    for line in calls {
        assert_eq!(line.matches("request_id=").count(), 1, "{line}");
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn nobody_who_reads_stderr_changes_nothing_of_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(
        folder.path(),
        &refuser(),
        &["-vv", "--log-file", "calls.log"],
    );
    let status = command
        .stdout(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    let text = fs::read_to_string(folder.path().join("calls.log")).unwrap();
    assert!(text.contains(REQUEST_ID), "{text}");
}
