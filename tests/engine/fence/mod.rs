//! The fence is proven, not believed; and the canary tells whether folders are shared.

mod gateways;
mod in_force;
mod proofs;
mod walls;

use std::process::Command;

/// Waits until a probe that can succeed does.
pub fn settled(expected: &[&str], probe: impl Fn() -> Vec<String>) {
    let began = std::time::Instant::now();
    loop {
        let found = probe();
        if found == expected {
            return;
        }
        assert!(began.elapsed().as_secs() < 30, "{found:?}");
    }
}

/// What a probe printed.
pub fn outcomes(printed: &str) -> Vec<String> {
    let lines = printed.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["outcome"].as_str().unwrap().to_owned()
    });
    lines.collect()
}

/// A network of the engine; removed when dropped.
pub struct Network(pub String);

impl Network {
    pub fn new(name: &str, subnet: &str) -> Self {
        let mut words = vec!["network", "create", "--subnet", subnet];
        words.extend(subnet.contains(':').then_some("--ipv6"));
        words.push(name);
        said("docker", &words);
        Self(name.to_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["network", "rm", &self.0])
            .output();
    }
}

/// What a program said that ended well.
pub fn said(program: &str, args: &[&str]) -> String {
    let said = Command::new(program).args(args).output().unwrap();
    assert!(said.status.success(), "{program} {args:?}: {said:?}");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
