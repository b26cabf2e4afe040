//! The section "How it compares" of the repository's README, made of a run that is committed under `loadtest/runs`.

use super::folder::Run;
use super::{bare, markdown};

const LINE_BYTES_MAX: usize = 120;

/// What every run of this kind leaves out.
const CAVEATS: &str = "Read it with care: client, peers and proxy share one machine and talk over loopback, where the kernel's share of each \
     small message is larger and the wire's is none; one worker on one core says nothing of how a proxy scales over \
     cores; every proxy has the same plain configuration, and a tuned one may do better. Ratios travel between machines \
     better than digits.";

/// `name` is that of the run's folder.
pub fn section(run: &Run, name: &str) -> String {
    let proxies: Vec<String> =
        run.proxies.iter().map(|(name, version)| format!("{name} {}", number(version))).collect();
    let folder = format!("loadtest/runs/{name}");
    let mut text = format!(
        "Measured {} by `{}`: {}, each started fresh for each scenario and round, with one worker on one core, the load on \
         another; kernel {} with TCP by {}, {}, {} cores, {}. Medians of up to {} rounds. [table.md]({folder}/table.md) has every scenario \
         with its spread, [report.html]({folder}/report.html) the plots, [{folder}]({folder}) the raw readings and the \
         configuration of each proxy.\n",
        run.fact("when").split('T').next().unwrap_or_default(),
        run.fact("command"),
        proxies.join(", "),
        run.fact("kernel"),
        run.fact("tcp_congestion_control"),
        run.fact("processor"),
        run.fact("cores"),
        run.fact("memory"),
        run.fact("rounds"),
    );
    text += &markdown::ratio_words(&run.readings);
    text = wrapped(&text) + "\n" + &markdown::targets(&run.targets(), &run.names());
    let rows = run.bare_calls();
    if !rows.is_empty() {
        text += &format!("\n{}\n{}", wrapped(&bare::words(&rows)), markdown::bare_calls(&rows, &run.names()));
    }
    if let Some((_, cut)) = run.facts.iter().find(|(name, _)| name == "left out") {
        text += &format!("\nLeft out: {cut}.\n");
    }
    if !run.faults.is_empty() {
        text += &format!(
            "\n{} readings could not be taken, or not as they should be: [table.md]({folder}/table.md) names them.\n",
            run.faults.len()
        );
    }
    text + "\n" + &wrapped(CAVEATS)
}

/// Lines as long as those of the README around them.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + word.len() <= LINE_BYTES_MAX);
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// The number alone, of whatever a program says of its version.
fn number(version: &str) -> &str {
    let is_number = |word: &&str| word.contains('.') && word.contains(|c: char| c.is_ascii_digit());
    let word = version.split_whitespace().find(is_number).unwrap_or(version);
    word.rsplit_once('/').map_or(word, |(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_they_may_be() {
        let words = format!("{} bb {}", "a".repeat(100), "c".repeat(130));
        assert_eq!(wrapped(&words), format!("{} bb\n{}\n", "a".repeat(100), "c".repeat(130)));
    }

    #[test]
    fn versions_are_numbers() {
        let said = [
            "longhaul version: longhaul/0.1.0",
            "nginx version: nginx/1.22.1",
            "HAProxy version 2.6.12-1+x 2026/10/17 - y",
        ];
        assert_eq!(said.map(number), ["0.1.0", "1.22.1", "2.6.12-1+x"]);
        assert_eq!(number("unknown"), "unknown");
    }
}
