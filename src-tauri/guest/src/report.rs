//! What `Report` tells: free space, and the ports that something in the sandbox listens on.

use std::collections::BTreeSet;
use std::path::Path;

use sandbox_protocol::{GuestReport, Space};

const WORKSPACE: &str = "/workspace";
const MAX_PORTS: usize = 64;
/// A table of sockets is read this far; an agent can make it long.
const MAX_TABLE: u64 = 1024 * 1024;
/// `TCP_LISTEN` as /proc/net/tcp writes it.
const LISTENING: &str = "0A";

/// As it is now.
pub fn report() -> GuestReport {
    let home = std::env::var_os("HOME");
    GuestReport {
        workspace: space(Path::new(WORKSPACE)),
        home: home.and_then(|home| space(Path::new(&home))),
        ports: ports(),
    }
}

fn space(path: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Space {
        total: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
    })
}

fn ports() -> Vec<u16> {
    let ours = own_sockets();
    let mut ports = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = read_table(table);
        let found = text.lines().filter_map(listening_port);
        let theirs = found.filter(|(_, inode)| !ours.contains(inode));
        ports.extend(theirs.map(|(port, _)| port));
    }
    ports.into_iter().take(MAX_PORTS).collect()
}

/// What this process itself holds open: the way out, services of the user's computer, routes. They are not
/// the agent's to show.
fn own_sockets() -> BTreeSet<u64> {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    open.filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    })
    .collect()
}

fn read_table(path: &str) -> String {
    use std::io::Read;
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(MAX_TABLE).read_to_string(&mut text);
    }
    text
}

/// `  0: 0100007F:1F90 00000000:0000 0A queues timer retries uid timeout inode …` listens on 8080; with its inode.
fn listening_port(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    (fields.nth(1)? == LISTENING).then_some(())?;
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    Some((port, fields.nth(5)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let head = "  sl  local_address rem_address   st tx_queue";
        let end = "00000000:00000000 00:00000000 00000000  1000        0";
        let listens = format!("   0: 0100007F:1F90 00000000:0000 0A {end} 4711 1 0 100 0 0 10 0");
        let connected = format!("   1: 0100007F:1F91 0100007F:1F90 01 {end} 4712 1 0");
        let six = format!(
            "   0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A {end} 4713 1"
        );
        let cut = "   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000".to_owned();
        let found: Vec<_> = [head.to_owned(), listens, connected, six, cut]
            .iter()
            .filter_map(|line| listening_port(line))
            .collect();
        assert_eq!(found, [(8080, 4711), (3000, 4713)]);
    }

    #[test]
    fn what_this_process_listens_on_is_not_reported() {
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = ours.local_addr().unwrap().port();
        let text = read_table("/proc/net/tcp");
        let listed = |port| {
            text.lines()
                .filter_map(listening_port)
                .any(|(p, _)| p == port)
        };
        assert!(listed(port), "the probe can succeed");
        assert!(!ports().contains(&port));
    }
}
