//! The section "How it compares" of the repository's README, made of a run that is committed under `loadtest/runs`.

use super::folder::Run;
use super::markdown;

/// What every run of this kind leaves out.
const CAVEATS: &str = "Read it with care: client, peers and proxy share one machine and talk over loopback, where the kernel's share of each \
     small message is larger and the wire's is none; one worker on one core says nothing of how a proxy scales over \
     cores; every proxy has the same plain configuration, and a tuned one may do better. Ratios travel between machines \
     better than digits.";

/// `name` is that of the run's folder.
pub fn section(run: &Run, name: &str) -> String {
    let proxies: Vec<String> = run.proxies.iter().map(|(name, version)| format!("{name} ({version})")).collect();
    let folder = format!("loadtest/runs/{name}");
    let mut text = format!(
        "Measured {} by `{}`: {}, each started fresh for each scenario and round, with one worker on one core, the load on \
         another; kernel {}, {}, {} cores, {}. Medians of up to {} rounds. [table.md]({folder}/table.md) has every scenario \
         with its spread, [report.html]({folder}/report.html) the plots, [{folder}]({folder}) the raw readings and the \
         configuration of each proxy.\n\n",
        run.fact("when").split('T').next().unwrap_or_default(),
        run.fact("command"),
        proxies.join(", "),
        run.fact("kernel"),
        run.fact("processor"),
        run.fact("cores"),
        run.fact("memory"),
        run.fact("rounds"),
    );
    text += &markdown::targets(&run.targets(), &run.names());
    if let Some((_, cut)) = run.facts.iter().find(|(name, _)| name == "left out") {
        text += &format!("\nLeft out: {cut}.\n");
    }
    if !run.faults.is_empty() {
        text += &format!(
            "\n{} readings could not be taken, or not as they should be: [table.md]({folder}/table.md) names them.\n",
            run.faults.len()
        );
    }
    text + "\n" + CAVEATS + "\n"
}
