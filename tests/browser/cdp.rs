//! A headless Chromium, driven by the DevTools protocol over a pair of pipes.
//!
//! `--remote-debugging-pipe` reads messages from file descriptor 3 and writes them to 4, each a JSON text that
//! ends with a zero byte: no port, no WebSocket, no dependency. The shell puts this process's pipes there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How long a single answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    next_id: u64,
    session: Option<String>,
    /// Everything that the page told since it was opened.
    pub events: Vec<Value>,
    /// Its folder; removed with it.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium and opens an empty page.
    pub fn start() -> Self {
        let program = std::env::var("HOMEROOM_TEST_CHROMIUM").unwrap_or("chromium".to_owned());
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .arg("-c")
            .arg("exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null")
            .arg(&program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output
                .read_until(0, &mut message)
                .is_ok_and(|read| read > 0)
            {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else {
                    return;
                };
                if sender.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            input,
            messages,
            next_id: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1440, 900);
        browser
    }

    /// Asks for something, and waits for the answer.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        if let Err(error) = self.input.write_all(&bytes) {
            panic!("{}", self.gone(&error.to_string()));
        }
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// The next message; events are kept.
    fn receive(&mut self) -> Value {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => {
                if message["method"].is_string() {
                    self.events.push(message.clone());
                }
                message
            }
            Err(RecvTimeoutError::Timeout) => panic!("Chromium said nothing for {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("{}", self.gone("it ended")),
        }
    }

    fn gone(&mut self, why: &str) -> String {
        let status = self.child.wait().map(|status| status.to_string());
        format!(
            "Chromium does not run ({why}; {status:?}). These tests need it: install Debian's `chromium` \
             (.ci/run does), or name the program in HOMEROOM_TEST_CHROMIUM."
        )
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&mut self, url: &str) {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        while !self.has("Page.loadEventFired") {
            self.receive();
        }
    }

    /// Waits until the page that was opened has gone on to another by itself so many times, and that is loaded.
    pub fn gone_on(&mut self, times: usize) {
        let loaded = |event: &&Value| event["method"] == "Page.loadEventFired";
        while self.events.iter().filter(loaded).count() <= times {
            self.receive();
        }
    }

    /// Opens a file.
    pub fn open_file(&mut self, path: &Path) {
        self.open(&format!(
            "file://{}",
            path.canonicalize().unwrap().display()
        ));
    }

    fn has(&self, method: &str) -> bool {
        self.events.iter().any(|event| event["method"] == method)
    }

    /// What an expression is on the page; promises are waited for.
    pub fn eval(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        let waiting = format!(
            "new Promise((done) => {{ const look = () => ({expression}) ? done(true) : requestAnimationFrame(look); look(); }})"
        );
        self.eval(&waiting);
        assert!(begun.elapsed() < PATIENCE, "{expression}");
    }

    /// How many pages the document takes on paper of this width and height, in inches.
    pub fn printed_pages(&mut self, [width, height]: [f64; 2]) -> usize {
        let printed = self.call(
            "Page.printToPDF",
            json!({ "paperWidth": width, "paperHeight": height, "preferCSSPageSize": false }),
        );
        let pdf = STANDARD.decode(printed["data"].as_str().unwrap()).unwrap();
        // A page's dictionary is never compressed; `/Type /Pages` is their tree.
        let begins = pdf
            .windows(12)
            .filter(|bytes| bytes.starts_with(b"/Type /Page"));
        begins.filter(|bytes| bytes[11] != b's').count()
    }

    /// The size of the window, in CSS pixels.
    pub fn size(&mut self, width: u32, height: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text }),
            );
        }
    }

    /// Clicks in the middle of an element once it stands still, and waits until the click has reached it.
    ///
    /// A row that comes into view gets its real height in the next frame only (`content-visibility`), and moves
    /// what is above it. A mouse that is pressed before that and released after it clicks nothing.
    pub fn click(&mut self, selector: &str) {
        let at = self.eval(&format!(
            "(async () => {{
              const e = document.querySelector({selector:?});
              const frame = () => new Promise(requestAnimationFrame);
              const where = () => {{ const r = e.getBoundingClientRect(); return [r.x + Math.min(r.width / 2, 40), r.y + r.height / 2]; }};
              e.scrollIntoView({{block: 'center'}});
              let last, still = 0;
              while (still < 2) {{ const now = String(where()); still = now === last ? still + 1 : 0; last = now; await frame(); }}
              window.clicked = new Promise((done) => addEventListener('click', (c) => done(e.contains(c.target) ? '' : c.target.tagName), {{capture: true, once: true}}));
              return where();
            }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 }),
            );
        }
        let elsewhere = self.eval("window.clicked");
        assert_eq!(elsewhere, "", "the click on {selector} went elsewhere");
    }

    /// A picture of the top of the page, as PNG bytes in base64.
    pub fn picture(&mut self) -> String {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        answer["data"].as_str().unwrap().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The profile's folder can only go when nobody writes into it any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
