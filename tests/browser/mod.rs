//! Chromium, driven over a pipe by the protocol of its developer tools.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// A browser that waits longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one tab.
pub(crate) struct Browser {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<Value>,
    /// What came without being asked for.
    events: Vec<Value>,
    count: u64,
    session: Option<String>,
    _profile: tempfile::TempDir,
}

/// A page as its reader sees it.
pub(crate) struct Seen {
    /// Its own address.
    pub(crate) address: String,
    /// What the console says.
    pub(crate) console: Vec<String>,
    /// What the page asked for.
    pub(crate) requests: Vec<String>,
    /// What `seen.js` finds.
    pub(crate) page: Value,
}

impl Browser {
    /// A fresh one, without a window and without a past.
    pub(crate) fn start(chromium: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on the descriptors 3 and 4.
        let mut child = Command::new("bash")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "bash"])
            .arg(chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let (events, count, session) = (Vec::new(), 0, None);
        let mut browser =
            Self { child, requests, answers, events, count, session, _profile: profile };
        let tab = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": tab["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens the file on a screen of so many pixels, `light` or `dark`.
    pub(crate) fn open(&mut self, file: &Path, width: u32, scheme: &str) -> Seen {
        let screen =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &screen);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": scheme }));
        self.events.clear();
        let address = format!("file://{}", file.display());
        self.call("Page.navigate", &json!({ "url": address }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next();
            self.events.push(event);
        }
        let script = json!({ "expression": include_str!("seen.js"), "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &script);
        assert!(answer["exceptionDetails"].is_null(), "{:#}", answer["exceptionDetails"]);
        let told = |event: &Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
                Some(event["params"].to_string())
            }
            _ => None,
        };
        let asked = |event: &Value| {
            let url = &event["params"]["request"]["url"];
            (event["method"] == "Network.requestWillBeSent")
                .then(|| url.as_str().unwrap().to_owned())
        };
        Seen {
            address,
            console: self.events.iter().filter_map(told).collect(),
            requests: self.events.iter().filter_map(asked).collect(),
            page: answer["result"]["value"].clone(),
        }
    }

    fn next(&mut self) -> Value {
        self.answers.recv_timeout(PATIENCE).unwrap_or_else(|why| panic!("Chromium: {why}"))
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.count += 1;
        let mut request = json!({ "id": self.count, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        self.requests.write_all(request.to_string().as_bytes()).unwrap();
        self.requests.write_all(&[0]).unwrap();
        loop {
            let message = self.next();
            if message["id"] == self.count {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
