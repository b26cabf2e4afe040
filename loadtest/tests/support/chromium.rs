//! A headless Chromium, spoken to by its DevTools protocol over two pipes: JSON texts that end with NUL.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Pages are small; a machine that does much else is slow.
const TIME_MAX: Duration = Duration::from_secs(90);

/// The program, if there is one.
pub fn program() -> Option<&'static str> {
    let answers = |name: &&str| {
        let output = Command::new(name).arg("--version").stderr(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success())
    };
    NAMES.into_iter().find(answers)
}

/// One page of a browser.
pub struct Page {
    child: Child,
    input: ChildStdin,
    messages: BufReader<ChildStdout>,
    attached: Option<String>,
    last_id: u64,
    /// Everything that was told without having been asked.
    pub events: Vec<Value>,
    /// Ends the browser when nobody tells it that all is well.
    done: Option<mpsc::Sender<()>>,
}

impl Page {
    pub fn open(program: &str, scratch: &Path) -> Self {
        // The protocol is spoken on descriptors 3 and 4.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", program]);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--remote-debugging-pipe", "--window-size=1000,2000"]);
        command.arg(format!("--user-data-dir={}", scratch.display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            if is_done.recv_timeout(TIME_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        });
        let (input, messages) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut page =
            Self { child, input, messages, attached: None, last_id: 0, events: Vec::new(), done: Some(done) };
        let target = page.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = page.ask("Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }));
        page.attached = attached["sessionId"].as_str().map(ToOwned::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.ask(&format!("{domain}.enable"), &json!({}));
        }
        page
    }

    fn read(&mut self) -> Value {
        let mut text = Vec::new();
        self.messages.read_until(0, &mut text).unwrap();
        assert_eq!(text.pop(), Some(0), "the browser ended, or took more than {} s", TIME_MAX.as_secs());
        serde_json::from_slice(&text).unwrap()
    }

    pub fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(attached) = &self.attached {
            message["sessionId"] = json!(attached);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.read();
            if message["id"] == json!(self.last_id) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Loads a file, and returns when all of it is there.
    pub fn load(&mut self, file: &Path) {
        self.events.clear();
        self.ask("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.read();
            self.events.push(event);
        }
    }

    /// The value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let mut answer = self.ask("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true }));
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].take()
    }

    /// What the console shows as an error, and what was asked of anybody but the file itself.
    pub fn complaints(&self) -> Vec<String> {
        let is_complaint = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some("Network.requestWillBeSent") => {
                !event["params"]["request"]["url"].as_str().is_some_and(|url| url.starts_with("file://"))
            }
            Some(_) | None => false,
        };
        self.events.iter().filter(is_complaint).map(ToString::to_string).collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It ends when it is told to, and then its pipe does.
        self.attached = None;
        let _ = self.input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = std::io::copy(&mut self.messages, &mut std::io::sink());
        drop(self.done.take());
        let _ = self.child.wait();
    }
}
