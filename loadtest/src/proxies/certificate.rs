//! A certificate for one start of a proxy: signed by itself, trusted by our clients alone, and removed when that proxy
//! has ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where certificate, key and both together lie, as PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub both: PathBuf,
}

/// Makes one for `host`: ECDSA with P-256, as most sites have.
pub fn make(folder: &Path, host: &str) -> Result<Certificate, String> {
    let in_place = |error: std::io::Error| format!("{}: {error}", folder.display());
    let made =
        rcgen::generate_simple_self_signed([host.to_owned()]).map_err(|error| format!("a certificate: {error}"))?;
    fs::create_dir_all(folder).map_err(in_place)?;
    let folder = folder.canonicalize().map_err(in_place)?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(in_place)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(in_place)?;
        Ok::<PathBuf, String>(file)
    };
    Ok(Certificate {
        certificate: write("certificate.pem", &certificate)?,
        key: write("key.pem", &key)?,
        both: write("both.pem", &format!("{certificate}{key}"))?,
    })
}
