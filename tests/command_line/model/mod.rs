//! The played model, on this computer's loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// The key that every request must carry, and that nothing else may hold.
pub const KEY: &str = "sk-canary-4f1d8a7c90e2b356";

/// A model server that runs until it is dropped.
pub struct Model {
    child: Child,
    pub port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Model {
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("command_line/model/server.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .env("MODEL_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().trim().parse().unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let list = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                list.lock().unwrap().push(line);
            }
        });
        Self { child, port, said }
    }

    /// One line for each request: `right POST /v1/messages`, or what was wrong with it.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
