//! The figures: one table with name, unit, words and direction; and a reading of one of them.
//!
//! Everything that prints or plots takes the words from here.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
    /// It only explains others.
    Neither,
}

#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub better: Better,
}

const fn figure(name: &'static str, title: &'static str, unit: &'static str, better: Better) -> Figure {
    Figure { name, title, unit, better }
}

pub const FIGURES: [Figure; 35] = [
    figure("user_bytes_per_tunnel", "user memory per tunnel", "B", Better::Less),
    figure("user_bytes_per_connection", "user memory per idle keep-alive connection", "B", Better::Less),
    figure("user_bytes_per_more_tunnel", "user memory for one more, slope over the steps", "B", Better::Less),
    figure("user_memory_fit", "r² of a straight line through the memory curve", "", Better::Neither),
    figure("kernel_bytes_beyond_sockets", "kernel memory per tunnel beyond its two sockets", "B", Better::Less),
    figure("kernel_bytes_of_sockets", "kernel memory of two sockets by their object sizes", "B", Better::Neither),
    figure("idle_cpu_percent", "CPU while all tunnels are quiet", "% of a core", Better::Less),
    figure("cpu_us_per_tunnel", "CPU per tunnel opened and settled", "us", Better::Less),
    figure("descriptors_per_tunnel", "descriptors per tunnel", "", Better::Less),
    figure("user_bytes", "user memory beyond the fresh process", "B", Better::Neither),
    figure("kernel_bytes", "kernel memory beyond the fresh process", "B", Better::Neither),
    figure("cpu_us_per_trip", "CPU per echo round trip", "us", Better::Less),
    figure("trips_per_second", "echo round trips per second, proxy saturated", "/s", Better::More),
    figure("trips_per_second_at_least", "echo round trips per second, proxy not saturated", "/s", Better::Neither),
    figure("cpu_s_per_gb", "CPU per GB each way", "s", Better::Less),
    figure("gb_per_second", "GB per second each way, proxy saturated", "GB/s", Better::More),
    figure("gb_per_second_at_least", "GB per second each way, proxy not saturated", "GB/s", Better::Neither),
    figure("cpu_us_per_open", "CPU per open, verified handshake and close", "us", Better::Less),
    figure("opens_per_second", "handshakes per second, proxy saturated", "/s", Better::More),
    figure("opens_per_second_at_least", "handshakes per second, proxy not saturated", "/s", Better::Neither),
    figure("storm_seconds", "all clients back after a storm", "s", Better::Less),
    figure("storm_failures", "failed attempts in a storm", "", Better::Less),
    figure("cpu_us_per_request", "CPU per request", "us", Better::Less),
    figure("requests_per_second", "requests per second, proxy saturated", "/s", Better::More),
    figure("requests_per_second_at_least", "requests per second, proxy not saturated", "/s", Better::Neither),
    figure("latency_p50_us", "latency, half of all", "us", Better::Less),
    figure("latency_p90_us", "latency, 90 %", "us", Better::Less),
    figure("latency_p99_us", "latency, 99 %", "us", Better::Less),
    figure("latency_p999_us", "latency, 99.9 %", "us", Better::Less),
    figure("latency_max_us", "latency, longest", "us", Better::Neither),
    figure("open_seconds", "time to open all tunnels", "s", Better::Neither),
    figure("proxy_core_percent", "use of the proxy's core", "%", Better::Neither),
    figure("load_core_percent", "use of the load's core", "%", Better::Neither),
    figure("core_wait_percent", "time that proxy or load waited for its core", "%", Better::Neither),
    figure("send_lag_p99_us", "how late the load sent, 99 %", "us", Better::Neither),
];

pub fn find(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

/// One number that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub round: u32,
    pub scenario: String,
    pub proxy: String,
    pub figure: String,
    /// The place on a curve: tunnels held. 0 where there is none.
    pub at: u32,
    pub value: f64,
}

/// Something that was not measured, or not as it should be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub round: u32,
    pub scenario: String,
    pub proxy: String,
    pub reason: String,
}

/// A value with as many digits as mean something.
pub fn plain(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !value.is_finite() => return "-".to_owned(),
        _ if size >= 1000.0 => {
            let digits = format!("{size:.0}");
            let groups: Vec<String> =
                digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned()).collect();
            return if value < 0.0 { format!("-{}", groups.join(",")) } else { groups.join(",") };
        }
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, figure) in FIGURES.iter().enumerate() {
            assert!(FIGURES[..index].iter().all(|other| other.name != figure.name), "{}", figure.name);
        }
        assert!(find("cpu_us_per_trip").is_some_and(|figure| figure.unit == "us"));
        assert!(find("x").is_none());
    }

    #[test]
    fn values_have_digits_that_mean_something() {
        let shown = [12_345_678.4, 1000.0, 123.4, 12.34, 2.0, 0.386, 0.01234, 0.0, -18.12, -5000.0].map(plain);
        assert_eq!(shown, ["12,345,678", "1,000", "123", "12.3", "2", "0.39", "0.012", "0", "-18.1", "-5,000"]);
        assert_eq!(plain(f64::NAN), "-");
    }
}
