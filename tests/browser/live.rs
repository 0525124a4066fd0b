//! The live page: a server of the test's own says what `watch` would say.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use homeroom::report::html::Pages;

use super::cdp::Browser;
use super::report_sample::{class, class_before};

/// Answers with the page that is on show, and passes on what is to be said.
fn serve(page: Arc<Mutex<String>>, said: Receiver<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let said = Arc::new(Mutex::new(said));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (page, said) = (Arc::clone(&page), Arc::clone(&said));
            std::thread::spawn(move || answer(stream, &page, &said));
        }
    });
    format!("http://{address}/secret/")
}

fn answer(mut stream: TcpStream, page: &Mutex<String>, said: &Mutex<Receiver<&'static str>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    if request.contains("/events ") {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        while let Ok(event) = said.lock().unwrap().recv() {
            if stream
                .write_all(format!("event: {event}\ndata: \n\n").as_bytes())
                .is_err()
            {
                return;
            }
        }
    } else {
        let body = page.lock().unwrap().clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all((head + &body).as_bytes());
    }
}

#[test]
#[cfg_attr(not(browser), ignore = "needs Debian's chromium")]
fn a_live_page_renews_itself_and_leaves_alone_what_did_not_change() {
    let pages = Pages::new().unwrap();
    let after = class(30);
    let before = class_before(&after);
    let page = Arc::new(Mutex::new(pages.live(&before, None, 60).unwrap()));
    let (say, said) = channel();
    let url = serve(Arc::clone(&page), said);
    let mut browser = Browser::start();
    browser.open(&url);
    // user1 becomes complete, user2 stays what they are; both are unfolded, and a filter is set.
    browser.eval(
        "for (const u of ['user1', 'user2']) document.querySelector(`#s-${u} button.user`).click();
         const f = document.getElementById('f-section'); f.value = 'Morning'; f.dispatchEvent(new Event('input'));
         document.querySelector('#s-user1 button.user').focus();
         window.untouched = document.getElementById('s-user2');",
    );
    let state = "document.getElementById('s-user1').dataset.state";
    assert_eq!(browser.eval(state), "in-progress");
    *page.lock().unwrap() = pages.live(&after, None, 60).unwrap();
    say.send("read").unwrap();
    browser.until("document.getElementById('s-user1').dataset.state === 'complete'");
    browser.until("document.getElementById('live').textContent.includes('every 60 seconds')");
    let found = browser.eval(
        "({
            headline: document.querySelector('h1 strong').textContent,
            open: document.querySelector('#s-user1 .student').checkVisibility(),
            waiting: document.querySelectorAll('.students noscript').length,
            focused: document.activeElement === document.querySelector('#s-user1 button.user'),
            same: document.getElementById('s-user2') === window.untouched,
            filtered: [...document.querySelectorAll('.students tbody')].filter((b) => !b.hidden).length,
            order: [...document.querySelectorAll('.students tbody')].slice(0, 3).map((b) => b.dataset.username),
        })",
    );
    assert_eq!(
        found,
        serde_json::json!({
            "headline": "17 of 30 complete",
            "open": true,
            "waiting": 28,
            "focused": true,
            "same": true,
            "filtered": 15,
            "order": ["user1", "user2", "user3"],
        })
    );
    // The page's own policy lets it ask its own address and no other.
    let asked =
        browser.eval("fetch('https://example.com/').then(() => 'went out', () => 'refused')");
    assert_eq!(asked, "refused");
}
