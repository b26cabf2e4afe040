//! Flags and subcommands: nginx's flags with nginx's meaning, two ways to start without a file, and the doctor.
//!
//! Only turns words into a call of `control`; knows nothing of what happens there.

mod demo;
mod echo;
mod proxy;
mod websocket;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::control::{self, Configuration, Order, Question, Start};

/// A reverse proxy that holds very many WebSocket connections and runs existing nginx.conf files.
#[derive(Debug, Parser)]
#[command(
    name = "longhaul",
    disable_help_flag = true,
    disable_version_flag = true,
    args_conflicts_with_subcommands = true
)]
struct Flags {
    /// This help
    #[arg(short = 'h', short_alias = '?', long, action = ArgAction::Help, global = true)]
    help: Option<bool>,
    /// Show version and exit
    #[arg(short = 'v', long = "version")]
    version: bool,
    /// Show version and configure options, then exit
    #[arg(short = 'V')]
    build: bool,
    /// Test configuration and exit
    #[arg(short = 't')]
    test: bool,
    /// Test configuration, dump it and exit
    #[arg(short = 'T')]
    dump: bool,
    /// Suppress non-error messages during configuration testing
    #[arg(short = 'q')]
    quiet: bool,
    /// Send a signal to the running process
    #[arg(short = 's', value_name = "SIGNAL")]
    signal: Option<SignalName>,
    /// Set prefix path (the folder of the configuration file)
    #[arg(short = 'p', value_name = "PREFIX")]
    prefix: Option<PathBuf>,
    /// Set error log file, or `stderr`
    #[arg(short = 'e', value_name = "FILE")]
    error_log: Option<PathBuf>,
    /// Set configuration file (/etc/longhaul/nginx.conf)
    #[arg(short = 'c', value_name = "FILE")]
    configuration: Option<PathBuf>,
    /// Set global directives out of configuration file
    #[arg(short = 'g', value_name = "DIRECTIVES")]
    globals: Option<String>,
    #[command(subcommand)]
    command: Option<Subject>,
}

/// Ways to start without a file, and questions.
#[derive(Debug, Subcommand)]
enum Subject {
    /// Start two echo peers and a proxy before them, prove a round trip, and go on serving
    Demo {
        /// Exit after the proof
        #[arg(long)]
        once: bool,
        /// Where the proxy listens (127.0.0.1:8080, or a free port)
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Proxy HTTP and WebSocket from one address to others
    Proxy {
        /// Where to listen: `8080`, `127.0.0.1:8080`, `[::]:8080`, `unix:/path`
        #[arg(long, value_name = "ADDR")]
        listen: String,
        /// Where to: one or more addresses, separated by commas
        #[arg(long, value_name = "ADDR", value_delimiter = ',', required = true)]
        to: Vec<String>,
    },
    /// Tell which limit of this host and configuration binds first, at how many tunnels, and what to set
    Doctor {
        /// Configuration file (/etc/longhaul/nginx.conf)
        #[arg(short = 'c', value_name = "FILE")]
        configuration: Option<PathBuf>,
        /// Prefix path (the folder of the configuration file)
        #[arg(short = 'p', value_name = "PREFIX")]
        prefix: Option<PathBuf>,
        /// Tunnels that are to be held; exit code 1 when they are out of reach
        #[arg(long, value_name = "N")]
        tunnels: Option<u64>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `-s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignalName {
    Stop,
    Quit,
    Reload,
    Reopen,
}

/// Runs the program with these arguments, the first being its own name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    // nginx's flags fail as nginx does; a subcommand's 1 is an answer.
    let has_subcommand = arguments.get(1).is_some_and(|word| Subject::has_subcommand(&word.to_string_lossy()));
    let bad_usage = if has_subcommand { 2 } else { 1 };
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(error) => {
            // Whoever closed stdout or stderr does not want to read it.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { bad_usage } else { 0 });
        }
    };
    match flags.command {
        Some(Subject::Demo { once, listen }) => demo::run(once, listen),
        Some(Subject::Proxy { listen, to }) => proxy::run(&listen, &to),
        Some(Subject::Doctor { configuration, prefix, tunnels, json }) => {
            let configuration = Configuration::File(configuration);
            let start = Start { configuration, prefix, ..Start::default() };
            control::doctor(&start, Question { tunnels, as_json: json })
        }
        None => run_file(flags),
    }
}

fn run_file(flags: Flags) -> ExitCode {
    if flags.version || flags.build {
        print_version(flags.build);
        return ExitCode::SUCCESS;
    }
    let start = Start {
        configuration: Configuration::File(flags.configuration),
        prefix: flags.prefix,
        error_log: flags.error_log,
        globals: flags.globals,
    };
    if flags.test || flags.dump {
        return control::test(&start, flags.dump, flags.quiet);
    }
    match flags.signal {
        Some(SignalName::Stop) => control::order(&start, Order::Stop),
        Some(SignalName::Quit) => control::order(&start, Order::Quit),
        Some(SignalName::Reload) => control::order(&start, Order::Reload),
        Some(SignalName::Reopen) => control::order(&start, Order::Reopen),
        None => control::serve(start, None),
    }
}

/// As nginx does, on stderr. The first line names the dialect's version, which scripts and test suites read.
fn print_version(with_build: bool) {
    eprintln!("nginx version: nginx/{}", control::DIALECT_VERSION);
    // A comparison refuses a build whose figures would be the compiler's checks.
    let build = if cfg!(debug_assertions) { " (debug)" } else { "" };
    eprintln!("longhaul version: longhaul/{}{build}", env!("CARGO_PKG_VERSION"));
    if with_build {
        // Scripts read from these lines what kind of TLS there is, by OpenSSL's versions.
        eprintln!("built with OpenSSL 3.0.0 (compatible; rustls 0.23)");
        eprintln!("TLS SNI support enabled");
        eprintln!("configure arguments: {}", control::configure_arguments());
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &[&str]) -> Flags {
        Flags::try_parse_from(std::iter::once(&"longhaul").chain(words)).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Flags::command().debug_assert();
    }

    #[test]
    fn flags_stand_together_and_values_close_as_in_nginx() {
        let flags = parse(&["-tqc/etc/x.conf", "-p", "/srv/", "-e", "stderr", "-g", "pid p; daemon off;"]);
        assert!(flags.test && flags.quiet && !flags.dump);
        assert_eq!(flags.configuration, Some("/etc/x.conf".into()));
        assert_eq!(flags.globals.as_deref(), Some("pid p; daemon off;"));
        assert_eq!(parse(&["-s", "reload"]).signal, Some(SignalName::Reload));
        assert!(Flags::try_parse_from(["longhaul", "-s", "restart"]).is_err());
    }

    #[test]
    fn peers_are_separated_by_commas() {
        let flags = parse(&["proxy", "--listen", "8080", "--to", "127.0.0.1:1,unix:/s"]);
        let Some(Subject::Proxy { to, .. }) = flags.command else { panic!("another command") };
        assert_eq!(to, ["127.0.0.1:1", "unix:/s"]);
    }
}
