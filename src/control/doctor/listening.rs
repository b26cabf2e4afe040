//! Ports that a socket listens on: no connection begins at them, whatever address they are of.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use super::reader::Reader;

/// `TCP_LISTEN` in the column `st`.
const LISTENING: &str = "0A";

/// How many different ports of the range are listened on.
pub fn count_between(reader: &Reader<'_>, low: u64, high: u64) -> u64 {
    let mut ports: BTreeSet<u64> = BTreeSet::new();
    // Without IPv6 there is one file; what cannot be read makes the answer larger by the listeners of this host.
    for path in ["proc/net/tcp", "proc/net/tcp6"] {
        let Ok(file) = reader.open(path) else { continue };
        // The kernel lists listeners first: the lines of a million connections behind them are not made.
        let lines = BufReader::new(file).lines().skip(1).map_while(Result::ok);
        ports.extend(lines.map_while(|line| port(&line)));
    }
    ports.range(low..=high).count() as u64
}

/// `0: 0100007F:1F90 00000000:0000 0A …`: the local port, of a listener.
fn port(line: &str) -> Option<u64> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let (_, port) = columns.next()?.rsplit_once(':')?;
    let is_listening = columns.nth(1)? == LISTENING;
    is_listening.then(|| u64::from_str_radix(port, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_in_the_range_count_once_and_connections_end_the_search() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/net")).unwrap();
        let head = "  sl  local_address rem_address   st tx_queue rx_queue\n";
        let four = "0: 00000000:1F90 00000000:0000 0A 0\n 1: 0100007F:0016 00000000:0000 0A 0\n \
                    2: 0100007F:1F91 0100007F:0050 01 0\n 3: 0100007F:1F92 00000000:0000 0A 0\n";
        let six = "0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0\n";
        std::fs::write(root.path().join("proc/net/tcp"), format!("{head} {four}")).unwrap();
        std::fs::write(root.path().join("proc/net/tcp6"), format!("{head} {six}")).unwrap();
        let reader = Reader::new(root.path());
        assert_eq!(count_between(&reader, 1024, 65_535), 1);
        assert_eq!(count_between(&reader, 1, 65_535), 2);
        assert_eq!(count_between(&Reader::new(&root.path().join("none")), 1, 65_535), 0);
    }
}
