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
    let mut ports = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        ports.extend(read_table(table).lines().filter_map(listening_port));
    }
    ports.into_iter().take(MAX_PORTS).collect()
}

fn read_table(path: &str) -> String {
    use std::io::Read;
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(MAX_TABLE).read_to_string(&mut text);
    }
    text
}

/// `  0: 0100007F:1F90 00000000:0000 0A …` listens on 8080.
fn listening_port(line: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    (fields.nth(1)? == LISTENING).then_some(())?;
    u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let head = "  sl  local_address rem_address   st tx_queue";
        let listens = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000";
        let connected =
            "   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000";
        let six = "   0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0";
        let found: Vec<_> = [head, listens, connected, six]
            .into_iter()
            .filter_map(listening_port)
            .collect();
        assert_eq!(found, [8080, 3000]);
    }
}
