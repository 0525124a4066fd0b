//! `watch`: the report on a page of this machine, which renews itself while it is open.
//!
//! ```text
//!  browser ◄── page, events ── server ◄── Board ◄── readings, only while somebody looks
//! ```

mod place;
mod server;

use std::collections::BTreeSet;
use std::future::pending;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::aws::Operation;
use crate::aws::pacing::{calls_at_share, calls_within};
use crate::cli::{Cli, WatchArgs};
use crate::error::{Exit, Result};
use crate::events::Command;
use crate::evidence::attention::needs;
use crate::evidence::turns::WatchTurns;
use crate::ids::{PlaceName, Username};
use crate::options::OutputFormat;
use crate::report::Document;
use crate::report::html::Pages;
use crate::report::runlog::{page_line, result_line};
use crate::text::json;

use super::browser;
use super::class::Class;
use super::homes::Deed;
use super::interrupts::interrupts;
use super::known::Stands;
use super::notify;
use super::reading::{class_report, read_others};
use super::say::{general, say};
use super::session::Session;
use super::sessions::Sessions;
use place::{PageAddress, Signpost, secret_word, usual_port};
use server::{Board, Said, serve};

/// The share of a quota that watching takes at most; the rest is for the students and other commands.
const SHARE: f64 = 0.5;

/// How long the logs may be asked for refused requests, so that a class of thirty is read within five seconds.
const LOGS_WITHIN: Duration = Duration::from_secs(3);

/// The pause after a reading is at least this many times as long as the reading.
const REST: u32 = 2;

pub(super) async fn run(cli: &Cli, args: &WatchArgs) -> Result<Exit> {
    let mut session = Class::load(cli)?.connect(Deed::Looks).await?;
    let verbosity = session.class.settings.ui.verbosity;
    for note in session.notes_on_unreached() {
        say(&note, verbosity);
    }
    let mut known = false;
    for at in &session.places {
        known |= !at.files().last_readings()?.students.is_empty();
    }
    if !known {
        let notes = session.check_elsewhere(Command::Watch).await?;
        for note in notes.texts(session.places.len()) {
            say(&note, verbosity);
        }
    }
    let key = session
        .pseudonyms(args.anonymous)
        .map_err(general("--anonymous"))?;
    let pages = Pages::new().map_err(general("page"))?;
    // From here on Ctrl-C ends the command in order.
    let mut interrupts = Box::pin(interrupts());
    let place = listen(&session, args).await?;
    let board = Arc::new(Board::new(secret_word().map_err(general("watch"))?));
    let url = place.url(board.word());
    let signpost = match Signpost::put(&session.folder(), &url) {
        Ok(signpost) => Some(signpost),
        Err(error) => {
            let note = format!("no file leads to the page ({error}): open the address yourself");
            say(&note, verbosity);
            None
        }
    };
    announce(&session, &url, signpost.as_ref())?;
    // Without a browser, the address that was said has to do.
    if let Some(signpost) = signpost.as_ref().filter(|_| args.open)
        && let Some(why) = browser::show(signpost.path())
    {
        say(&format!("{why}, or the address above"), verbosity);
    }
    let server = tokio::spawn(serve(place.listener, Arc::clone(&board)));
    let interval = Duration::from_secs(args.interval);
    let render = |report: &Document| pages.live(report, key.as_ref(), interval.as_secs());
    let ended = watch(
        &mut session,
        &board,
        interval,
        args.anonymous,
        render,
        &mut interrupts,
    );
    let ended = ended.await;
    server.abort();
    if let (Ok(exit), OutputFormat::Jsonl) = (&ended, session.class.settings.ui.output) {
        print(result_line(*exit, &document(&session, &url)))?;
    }
    ended
}

/// Listens where the class's page is, and says what the person should know.
async fn listen(session: &Sessions, args: &WatchArgs) -> Result<PageAddress> {
    let scope = session.places[0].scope();
    let (class, lab) = (session.class.name().as_str(), session.lab().as_str());
    let usual = usual_port(&[class, lab, &scope.account, &scope.region]);
    let at = args.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let place = PageAddress::listen(at, args.port, usual).await?;
    let verbosity = session.class.settings.ui.verbosity;
    if let Some(note) = &place.note {
        say(note, verbosity);
    }
    if place.is_shared {
        say(
            "other machines reach this page. Whoever has the whole address sees what is on it, and it travels unencrypted: use \
             a network that you trust, hand the address to nobody, and show pseudonyms with --anonymous. The next watch has another",
            verbosity,
        );
    }
    Ok(place)
}

/// How many students of a place can be read, and asked for refused requests, in one reading.
struct Room {
    students: Vec<Username>,
    readings: usize,
    requests: usize,
}

impl Room {
    /// At each place.
    fn all(session: &Sessions, interval: Duration) -> Vec<Self> {
        let places = session.places.iter();
        places.map(|at| Self::of(at, interval)).collect()
    }

    fn of(at: &Session, interval: Duration) -> Self {
        // A reading of an unchanged class lists every student's executions, and makes a few calls for the whole class.
        let (pace, quotas) = (at.pace(), at.quotas());
        let students = at.class.students.iter();
        Self {
            readings: calls_at_share(SHARE, pace, &quotas, Operation::ListExecutions, interval),
            requests: calls_within(pace, &quotas, Operation::FilterLogEvents, LOGS_WITHIN),
            students: students.map(|student| student.username.clone()).collect(),
        }
    }

    fn next(&self, turns: &WatchTurns, stands: &mut Stands, now: Timestamp) {
        let not_now = turns.not_now(&self.students, self.readings, now);
        let requests = turns.requests_stand(&self.students, &not_now, self.requests);
        stands.requests.extend(requests);
        stands.students.extend(not_now);
    }
}

/// Reads while somebody looks or a webhook waits for news, until Ctrl-C. `hides`: the page shows no names.
async fn watch(
    session: &mut Sessions,
    board: &Board,
    interval: Duration,
    hides: bool,
    render: impl Fn(&Document) -> std::result::Result<String, tera::Error>,
    interrupts: &mut (impl Stream<Item = ()> + Unpin),
) -> Result<Exit> {
    let mut rooms = Room::all(session, interval);
    let mut turns = WatchTurns::default();
    let mut told = Vec::new();
    let mut is_trying = false;
    let mut due = Instant::now();
    // At the places that are lost. It goes on beside the pauses: a place that does not answer holds no reading up.
    let mut attempt: LocalBoxFuture<'static, Option<Sessions>> = pending().boxed_local();
    loop {
        let is_due = async {
            tokio::time::sleep_until(due).await;
            if session.class.settings.notify.is_none() {
                board.somebody_looks().await;
            }
        };
        let tried = tokio::select! {
            _ = interrupts.next() => return Ok(Exit::Done),
            again = &mut attempt => Some(again),
            () = is_due => None,
        };
        if let Some(again) = tried {
            attempt = pending().boxed_local();
            is_trying = false;
            if let Some(again) = again {
                *session = again;
                rooms = Room::all(session, interval);
                due = Instant::now();
            }
            continue;
        }
        board.say(Said::Reading);
        let began = Instant::now();
        let now = Timestamp::now();
        let mut stands = Stands::default();
        for room in &rooms {
            room.next(&turns, &mut stands, now);
        }
        let not_now = stands.students.clone();
        match read_others(session, Command::Watch, stands).await {
            Ok(standing) => {
                turns.keep(&standing.students, &not_now, now);
                let needs = needs(&standing.students);
                notify::attention(session, &told, &needs).await;
                told = needs;
                let report = class_report(session, &standing);
                let page = render(&report).map_err(general("page"))?;
                board.show(page);
            }
            // The reading listens for Ctrl-C itself.
            Err(error) if error.exit == Exit::Interrupted => return Ok(Exit::Done),
            // AWS's words name students.
            Err(error) if hides => {
                say(&error.to_string(), session.class.settings.ui.verbosity);
                board.say(Said::Failed("the terminal says why".to_owned()));
            }
            Err(error) => board.say(Said::Failed(error.to_string())),
        }
        due = began + interval.max(began.elapsed() * (REST + 1));
        if !is_trying && !session.reaches_all() {
            is_trying = true;
            attempt = reached_again(session).boxed_local();
        }
    }
}

/// Tries the places that could not be reached once more. `None`: no more of them can be.
fn reached_again(session: &Sessions) -> impl Future<Output = Option<Sessions>> + use<> {
    let lost = session.unreached.iter().map(|lost| lost.place.clone());
    let (class, lost) = (session.class.clone(), lost.collect::<BTreeSet<PlaceName>>());
    let verbosity = class.settings.ui.verbosity;
    async move {
        let again = class.connect_again(&lost).await?;
        let is_lost = |place: &&PlaceName| again.unreached.iter().any(|lost| lost.place == **place);
        let (still, back): (Vec<&PlaceName>, Vec<&PlaceName>) = lost.iter().partition(is_lost);
        // Another one may have gone away.
        if back.is_empty() || again.unreached.len() > still.len() {
            return None;
        }
        for place in back {
            let note =
                format!("place {place} can be reached again: its students are read from now on");
            say(&note, verbosity);
        }
        Some(again)
    }
}

/// Says where the page is.
fn announce(session: &Sessions, url: &str, signpost: Option<&Signpost>) -> Result<()> {
    print(match session.class.settings.ui.output {
        OutputFormat::Text => {
            let bookmark = signpost.map_or(String::new(), |signpost| {
                let path = signpost.path().display();
                format!(" The address is new each time; to bookmark: {path}")
            });
            Ok(format!(
                "{url}\nOpen it in a browser. Ctrl-C ends it.{bookmark}\n"
            ))
        }
        OutputFormat::Json => json::line(&document(session, url)),
        OutputFormat::Jsonl => page_line(url),
    })
}

/// `watch.json`.
fn document(session: &Sessions, url: &str) -> Value {
    let mut document = serde_json::json!(session.stamp(Command::Watch));
    document["command"] = Command::Watch.as_str().into();
    document["url"] = url.into();
    document
}

fn print(line: serde_json::Result<String>) -> Result<()> {
    let mut out = io::stdout().lock();
    line.map_err(io::Error::from)
        .and_then(|line| out.write_all(line.as_bytes()))
        .and_then(|()| out.flush())
        .map_err(general("stdout"))
}
