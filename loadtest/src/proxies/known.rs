//! The proxies this tool knows, where their programs are, and proxies described by a file.
//!
//! Such a file has lines `name = `, `program = `, `arguments = `, `version = ` (arguments that print it), then a line
//! `---` and the configuration as a template.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::floor::Floor;

const NGINX: &str = include_str!("../../proxies/nginx.conf");
const HAPROXY: &str = include_str!("../../proxies/haproxy.cfg");
/// Where daemons are that no user's PATH names.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

#[derive(Debug, Clone)]
pub struct Proxy {
    pub name: String,
    pub program: PathBuf,
    /// Templates; the configuration is `proxy.conf` in the folder where it starts.
    pub arguments: Vec<String>,
    pub configuration: String,
    pub version: String,
}

/// What is there and what is not, with the reason.
#[derive(Debug, Default)]
pub struct Found {
    pub proxies: Vec<Proxy>,
    pub missing: Vec<(String, String)>,
}

struct Known {
    name: &'static str,
    arguments: &'static [&'static str],
    version: &'static [&'static str],
    configuration: &'static str,
}

/// Each starts in a folder of its own: a run names no path of the machine that it was made on.
const NGINX_ARGUMENTS: &[&str] = &["-p", ".", "-e", "error.log", "-c", "proxy.conf"];

const KNOWN: [Known; 3] = [
    Known { name: "longhaul", arguments: NGINX_ARGUMENTS, version: &["-V"], configuration: NGINX },
    Known { name: "nginx", arguments: NGINX_ARGUMENTS, version: &["-v"], configuration: NGINX },
    Known { name: "haproxy", arguments: &["-db", "-f", "proxy.conf"], version: &["-v"], configuration: HAPROXY },
];

/// In place of names: only what files describe.
const NONE: &str = "none";

/// Looks for `names`, or for all that are known, and reads the files of others.
pub fn find(names: &[String], longhaul: Option<&Path>, files: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for name in names.iter().filter(|name| *name != NONE) {
        if !KNOWN.iter().any(|known| known.name == name) {
            let known = KNOWN.map(|known| known.name).join(", ");
            found.missing.push((name.clone(), format!("not known (known are {known}); others join by --proxy FILE")));
        }
    }
    for known in KNOWN.iter().filter(|known| names.is_empty() || names.iter().any(|name| name == known.name)) {
        let program = match (known.name, longhaul) {
            ("longhaul", Some(path)) => Ok(path.to_owned()),
            ("longhaul", None) => ours(known.name),
            (name, _) => program(name),
        };
        let proxy = program.and_then(|program| known.at(program));
        match proxy {
            Ok(proxy) => found.proxies.push(proxy),
            Err(reason) => found.missing.push((known.name.to_owned(), reason)),
        }
    }
    for file in files {
        match fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| described(&text)) {
            Ok(proxy) => found.proxies.push(proxy),
            Err(reason) => found.missing.push((file.display().to_string(), reason)),
        }
    }
    found
}

/// This program in the place of a proxy, with nothing between the calls.
pub fn floor(floor: &Floor) -> Result<Proxy, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let words = ["floor-proxy", "--listen", "{{listen}}", "--peers", "{{peers}}"];
    let arguments = words.iter().chain(floor.flags).map(ToString::to_string).collect();
    let configuration = "# None: the command names all that it knows.\n".to_owned();
    Ok(Proxy { name: floor.name.to_owned(), program, arguments, configuration, version: floor.what.to_owned() })
}

impl Known {
    fn at(&self, program: PathBuf) -> Result<Proxy, String> {
        // It is started in a folder of its own, where a path from here leads nowhere.
        let program = program.canonicalize().map_err(|error| format!("{}: {error}", program.display()))?;
        let version = version(&program, self.name, self.version)?;
        refuse_debug(self.name, &program, &version)?;
        let arguments = self.arguments.iter().map(ToString::to_string).collect();
        Ok(Proxy {
            name: self.name.to_owned(),
            program,
            arguments,
            configuration: self.configuration.to_owned(),
            version,
        })
    }
}

/// Figures of a debug build say nothing, and look as if they did.
fn refuse_debug(name: &str, program: &Path, version: &str) -> Result<(), String> {
    let in_debug_folder = program.parent().is_some_and(|folder| folder.ends_with("debug"));
    if name == "longhaul" && (in_debug_folder || version.contains("debug")) {
        return Err(format!("{} is a debug build; use `cargo build --release`", program.display()));
    }
    Ok(())
}

/// Where ours is: beside this program, or installed.
fn ours(name: &str) -> Result<PathBuf, String> {
    if let Some(cargo) = env::var_os("CARGO") {
        build(&cargo)?;
    }
    beside_us(name).or_else(|not_built| program(name).map_err(|_| not_built))
}

/// Under `cargo run` the proxy is built by the same cargo: what is measured is what the source says. A workspace build
/// would give it features that only this program needs.
fn build(cargo: &OsStr) -> Result<(), String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    if !manifest.is_file() {
        return Ok(());
    }
    eprintln!("building longhaul, if its source has changed");
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--bin", "longhaul", "--manifest-path"]).arg(manifest);
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cannot be built: cargo ended with {status}")) }
}

fn beside_us(name: &str) -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let beside = own.with_file_name(name);
    if beside.is_file() { Ok(beside) } else { Err("not built; `cargo build --release` does it".to_owned()) }
}

/// Where a program of this name is.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let mut candidates = folders.map(|folder| folder.join(name));
    candidates.find(|file| file.is_file()).ok_or_else(|| format!("no program `{name}` found; is it installed?"))
}

/// The line in which the program prints its own version, or else the first.
pub fn version(program: &Path, name: &str, arguments: &[impl AsRef<OsStr>]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // longhaul gives the version of the dialect before its own.
    let first = lines.clone().next();
    let line = lines.find(|line| line.starts_with(name)).or(first);
    line.map(ToOwned::to_owned).ok_or_else(|| format!("{} prints no version", program.display()))
}

fn described(text: &str) -> Result<Proxy, String> {
    let (head, configuration) = text.split_once("\n---\n").ok_or("no line `---` before the configuration")?;
    let value = |key: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned());
        found.ok_or_else(|| format!("no line `{key} = `"))
    };
    let words = |text: String| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<String>>();
    let path = value("program")?;
    let program = if path.contains('/') { PathBuf::from(path) } else { program(&path)? };
    let (name, arguments) = (value("name")?, words(value("arguments")?));
    let version = version(&program, &name, &words(value("version")?))?;
    Ok(Proxy { name, program, arguments, configuration: configuration.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_describes_another_proxy() {
        let text = "name = other\nprogram = /bin/echo\narguments = -c {{folder}}/proxy.conf\nversion = 1.2\n---\nlisten {{listen}}\n";
        let proxy = described(text).unwrap();
        assert_eq!((proxy.name.as_str(), proxy.version.as_str()), ("other", "1.2"));
        assert_eq!(proxy.arguments, ["-c", "{{folder}}/proxy.conf"]);
        assert_eq!(proxy.configuration, "listen {{listen}}\n");
        assert!(described("name = x\n").is_err());
        assert!(described("name = x\n---\n").is_err_and(|error| error.contains("program")));
    }

    #[test]
    fn the_version_is_the_proxys_own() {
        let said = ["longhaul version: longhaul/2", "nginx version: nginx/1"];
        let found =
            |name: &str| version(Path::new("/usr/bin/printf"), name, &[["%s\\n%s\\n"].as_slice(), &said].concat());
        assert_eq!(found("nginx").as_deref(), Ok(said[1]));
        assert_eq!(found("other").as_deref(), Ok(said[0]));
    }

    #[test]
    fn debug_builds_are_refused() {
        let refused = |path: &str, version: &str| refuse_debug("longhaul", Path::new(path), version).is_err();
        assert!(refused("/x/target/debug/longhaul", "longhaul 1"));
        assert!(refused("/x/longhaul", "longhaul 1 (debug)"));
        assert!(!refused("/x/target/release/longhaul", "longhaul 1"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = find(&["squid".to_owned()], None, &[PathBuf::from("/nonexistent.proxy")]);
        assert!(found.proxies.is_empty());
        assert!(found.missing[0].1.contains("known are longhaul, nginx, haproxy"));
        assert_eq!(found.missing[1].0, "/nonexistent.proxy");
    }
}
