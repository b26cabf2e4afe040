//! TLS on the client side: one certificate is trusted, sessions are not resumed, so that each handshake is a full one.

use std::path::Path;
use std::sync::Arc;

use monoio::net::TcpStream;
use monoio_rustls::TlsConnector;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::link::Link;

pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// `certificate` is a PEM file; `host` the name that the certificate is for.
    pub fn new(certificate: &Path, host: &str) -> Result<Self, String> {
        let in_place = |error: &dyn std::fmt::Display| format!("{}: {error}", certificate.display());
        let trusted = CertificateDer::from_pem_file(certificate).map_err(|error| in_place(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(trusted).map_err(|error| in_place(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| format!("TLS versions: {error}"))?;
        let mut settings = builder.with_root_certificates(roots).with_no_client_auth();
        settings.resumption = Resumption::disabled();
        let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(settings)), name })
    }

    pub async fn wrap(&self, stream: TcpStream) -> Result<Link, String> {
        let stream = self.connector.connect(self.name.clone(), stream).await;
        stream.map(|stream| Link::Tls(Box::new(stream))).map_err(|error| format!("TLS handshake: {error}"))
    }
}
