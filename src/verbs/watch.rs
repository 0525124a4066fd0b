//! `watch`: the report on a page of this machine, which renews itself while it is open.
//!
//! ```text
//!  browser ◄── page, events ── server ◄── Board ◄── readings, only while somebody looks
//! ```

mod server;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::aws::Operation;
use crate::aws::pacing::time_at_share;
use crate::cli::{Cli, WatchArgs};
use crate::error::{Error, Kind, Result};
use crate::events::Command;
use crate::options::OutputFormat;
use crate::report::html::Pages;
use crate::report::{Document, PseudonymKey};

use super::class::Class;
use super::ended::Exit;
use super::interrupts::interrupts;
use super::reading::{class_report, read};
use super::session::Session;
use server::{Board, Said, serve};

/// The part of a quota that watching takes at most; the rest is for the students and for other commands.
const SHARE: f64 = 0.5;

/// A reading that took long is followed by a pause of so many times its length.
const REST: u32 = 2;

pub(super) async fn run(cli: &Cli, args: &WatchArgs) -> Result<Exit> {
    let session = Class::load(cli)?.connect().await?;
    if session.files().last_readings()?.students.is_empty() {
        session.check_elsewhere(Command::Watch).await?;
    }
    let key = match args.anonymous {
        true => Some(
            PseudonymKey::of_class(&session.class.settings.reports, session.class.name())
                .map_err(|error| Error::new(Kind::General, "--anonymous", error.to_string()))?
                .hiding(&session.class.roster.kept_back.values),
        ),
        false => None,
    };
    let pages = Pages::new().map_err(|error| general("page", &error.to_string()))?;
    // From here on Ctrl-C ends the watching as it should be ended.
    let mut interrupts = Box::pin(interrupts());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port.unwrap_or(0)));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        general(&address.to_string(), &format!("cannot listen: {error}"))
            .hint("leave --port out, and a free one is taken")
    })?;
    let board = Arc::new(Board::new().map_err(|e| general("watch", &e.to_string()))?);
    let port = listener
        .local_addr()
        .map_err(|e| general("watch", &e.to_string()))?
        .port();
    announce(&session, &board.url(port))?;
    let server = tokio::spawn(serve(listener, Arc::clone(&board), port));
    // A reading lists every student's executions once; all else of an unchanged class is a few listings for everybody.
    let listings = (Operation::ListExecutions, session.class.students.len());
    let interval = time_at_share(SHARE, session.pace(), &session.quotas(), listings)
        .max(Duration::from_secs(args.interval));
    let render = |report: &Document| pages.live(report, key.as_ref(), interval.as_secs());
    let ended = watch(&session, &board, interval, render, &mut interrupts).await;
    server.abort();
    ended
}

/// Reads while somebody looks, until Ctrl-C.
async fn watch(
    session: &Session,
    board: &Board,
    interval: Duration,
    render: impl Fn(&Document) -> std::result::Result<String, tera::Error>,
    interrupts: &mut (impl Stream<Item = ()> + Unpin),
) -> Result<Exit> {
    let mut due = Instant::now();
    loop {
        tokio::select! {
            _ = interrupts.next() => return Ok(Exit::Done),
            () = async {
                tokio::time::sleep_until(due).await;
                board.somebody_looks().await;
            } => {}
        }
        board.say(Said::Reading);
        let began = Instant::now();
        match read(session, Command::Watch).await {
            Ok(standing) => {
                let report = class_report(session, &standing);
                let page = render(&report).map_err(|e| general("page", &e.to_string()))?;
                board.show(page);
            }
            // The reading listens for Ctrl-C itself.
            Err(error) if error.kind == Kind::Interrupted => return Ok(Exit::Done),
            Err(error) => board.say(Said::Failed(error.to_string())),
        }
        due = began + interval.max(began.elapsed() * (REST + 1));
    }
}

/// Says where the page is: the one line on stdout.
fn announce(session: &Session, url: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let said = match session.class.settings.ui.output {
        OutputFormat::Json => writeln!(
            out,
            "{}",
            serde_json::json!({ "command": "watch", "url": url })
        ),
        OutputFormat::Text => writeln!(out, "{url}\nOpen it in a browser. Ctrl-C ends it."),
    };
    said.and_then(|()| out.flush())
        .map_err(|error| general("stdout", &error.to_string()))
}

fn general(subject: &str, cause: &str) -> Error {
    Error::new(Kind::General, subject, cause)
}
