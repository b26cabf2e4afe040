//! Configuration texts with `{{name}}` in them.
//!
//! A line with `{{tls}}` is there only when TLS is wanted, one with `{{plain}}` only when not, one with `{{log}}` only when
//! an access log is. A line with `{{peer}}` is there once for each peer, `{{index}}` counts them from 1. An unknown name is
//! an error.

use std::net::SocketAddr;
use std::path::Path;

use super::certificate::Certificate;

/// What can be filled in.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    pub listen: SocketAddr,
    pub peers: Vec<String>,
    pub folder: &'a Path,
    pub core: usize,
    /// The limit of the proxy's process.
    pub descriptors: u64,
    pub access_log: bool,
    pub tls: Option<&'a Certificate>,
}

/// Marks of lines that are there only with TLS, or only without.
pub const TLS: &str = "{{tls}}";
const PLAIN: &str = "{{plain}}";
/// Of lines that are there only with an access log.
const LOG: &str = "{{log}}";
const ACCESS_LOG: &str = "{{access_log}}";
/// Left for listeners, logs and pipes.
const DESCRIPTORS_SPARE: u64 = 600;
/// Proxies keep memory for each connection that their configuration allows, and some hosts allow a thousand million.
const DESCRIPTORS_MAX: u64 = 1 << 22;

pub const ACCESS_LOG_FILE: &str = "access.log";

/// The proxy starts in the folder where its files are.
fn in_folder(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a configuration says where an access log goes.
pub fn has_access_log(text: &str) -> bool {
    text.contains(ACCESS_LOG) || text.contains(LOG)
}

impl Values<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let folder = self.folder.display();
        Some(match name {
            "listen" => self.listen.to_string(),
            "port" => self.listen.port().to_string(),
            "peers" => self.peers.join(","),
            "folder" => folder.to_string(),
            "core" => self.core.to_string(),
            "affinity" => format!("1{}", "0".repeat(self.core)),
            "descriptors" => self.connections().to_string(),
            "connections" => (self.connections() / 2).to_string(),
            "access_log" if self.access_log => format!("{ACCESS_LOG_FILE} combined"),
            "access_log" => "off".to_owned(),
            "certificate" => in_folder(&self.tls?.certificate),
            "key" => in_folder(&self.tls?.key),
            "both" => in_folder(&self.tls?.both),
            _ => return None,
        })
    }

    fn connections(&self) -> u64 {
        self.descriptors.min(DESCRIPTORS_MAX).saturating_sub(DESCRIPTORS_SPARE)
    }

    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        for line in text.lines().filter_map(|line| self.chosen(line)) {
            let line = line.as_str();
            if !line.contains("{{peer}}") {
                filled += &self.fill_line(line)?;
                filled.push('\n');
                continue;
            }
            for (index, peer) in self.peers.iter().enumerate() {
                let line = line.replace("{{peer}}", peer).replace("{{index}}", &(index + 1).to_string());
                filled += &self.fill_line(&line)?;
                filled.push('\n');
            }
        }
        Ok(filled)
    }

    /// The line without its mark, unless it is for the other case.
    fn chosen(&self, line: &str) -> Option<String> {
        match (line.contains(TLS), line.contains(PLAIN)) {
            (true, _) => self.tls.map(|_| line.replace(TLS, "")),
            (false, true) => self.tls.is_none().then(|| line.replace(PLAIN, "")),
            (false, false) if line.contains(LOG) => self.access_log.then(|| line.replace(LOG, "")),
            (false, false) => Some(line.to_owned()),
        }
    }

    pub fn fill_line(&self, line: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| format!("`{line}`: {{{{ without }}}}"))?;
            let value = self.value(name).ok_or_else(|| {
                format!(
                    "`{{{{{name}}}}}` is no name; known are listen, port, peer, peers, \
                index, folder, core, affinity, descriptors, connections, access_log, tls, plain, log; with TLS certificate, key, both"
                )
            })?;
            filled += before;
            filled += &value;
            rest = after;
        }
        Ok(filled + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values<'static> {
        let peers = vec!["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
        let folder = Path::new("/f");
        Values {
            listen: "127.0.0.1:9".parse().unwrap(),
            peers,
            folder,
            core: 2,
            descriptors: 20_000,
            access_log: false,
            tls: None,
        }
    }

    #[test]
    fn peers_repeat_their_line() {
        let filled = values().fill("a {{listen}}\n  server s{{index}} {{peer}};\nend {{folder}}/x").unwrap();
        assert_eq!(filled, "a 127.0.0.1:9\n  server s1 127.0.0.1:1;\n  server s2 127.0.0.1:2;\nend /f/x\n");
        assert_eq!(values().fill("to {{peers}}").unwrap(), "to 127.0.0.1:1,127.0.0.1:2\n");
    }

    #[test]
    fn lines_for_tls_are_there_only_with_it() {
        let text = "{{plain}}listen;\n{{tls}}listen ssl {{key}};\nend";
        assert_eq!(values().fill(text).unwrap(), "listen;\nend\n");
        let [certificate, key, both] = ["/f/c", "/f/k", "/f/b"].map(Into::into);
        let tls = Certificate { certificate, key, both };
        assert_eq!(Values { tls: Some(&tls), ..values() }.fill(text).unwrap(), "listen ssl k;\nend\n");
    }

    #[test]
    fn lines_for_a_log_are_there_only_with_it() {
        let text = "{{log}}log stdout;\nend";
        assert!(has_access_log(text) && has_access_log("log {{access_log}}") && !has_access_log("end"));
        assert_eq!(values().fill(text).unwrap(), "end\n");
        assert_eq!(Values { access_log: true, ..values() }.fill(text).unwrap(), "log stdout;\nend\n");
    }

    #[test]
    fn numbers_follow_the_limits() {
        let filled = values().fill("{{connections}} {{descriptors}} {{affinity}} {{access_log}}").unwrap();
        assert_eq!(filled, "9700 19400 100 off\n");
        let unlimited = Values { descriptors: u64::MAX, ..values() };
        assert_eq!(unlimited.fill("{{descriptors}}").unwrap(), "4193704\n");
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(
            values().fill("{{prot}}").is_err_and(|error| error.contains("`{{prot}}` is no name; known are listen"))
        );
        assert!(values().fill("{{listen").is_err_and(|error| error.contains("without }}")));
    }
}
