//! The machine a run was made on, as lines for the report.

use std::fs;

use super::memory::kilobytes;

fn read(file: &str) -> String {
    fs::read_to_string(file).map(|text| text.trim().to_owned()).unwrap_or_else(|error| format!("unknown ({error})"))
}

/// Name and value of what decides figures: kernel, processor, memory, limits.
pub fn facts() -> Vec<(String, String)> {
    let memory = kilobytes(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.map_or_else(|| "unknown".to_owned(), |kb| format!("{} MiB", kb / 1024));
    let mut facts = vec![
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("processor", processor(&read("/proc/cpuinfo"))),
        ("cores", super::cores().len().to_string()),
        ("memory", memory),
    ];
    let settings = [
        ("somaxconn", "/proc/sys/net/core/somaxconn"),
        ("tcp_max_syn_backlog", "/proc/sys/net/ipv4/tcp_max_syn_backlog"),
        ("ip_local_port_range", "/proc/sys/net/ipv4/ip_local_port_range"),
        ("tcp_rmem", "/proc/sys/net/ipv4/tcp_rmem"),
        ("tcp_wmem", "/proc/sys/net/ipv4/tcp_wmem"),
        ("tcp_congestion_control", "/proc/sys/net/ipv4/tcp_congestion_control"),
        ("load before", "/proc/loadavg"),
    ];
    facts.extend(settings.map(|(name, file)| (name, read(file).replace('\t', " "))));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Where the ports of outgoing connections begin.
pub fn first_outgoing_port() -> u16 {
    let range = read("/proc/sys/net/ipv4/ip_local_port_range");
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    line.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_has_a_value() {
        assert!(facts().iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
        assert_eq!(processor("model name\t: Some CPU 3000\n"), "Some CPU 3000");
        assert_eq!(processor(""), "unknown");
    }
}
