//! Certificates, and the TLS of clients and peers: rustls with buffers, which shares nothing with the way it is used in the
//! process.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{DEADLINE, Socket};

/// A certificate and its key in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    /// One that vouches for itself.
    pub fn of(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(name).self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The same with several names.
    pub fn of_all(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().expect("certificates")
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Somebody who vouches for others.
pub struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    pub fn new(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// Somebody whom this one vouches for.
    pub fn below(&self, name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::signed_by(params, key, &self.0).expect("a certificate"))
    }

    /// What two vouch for who stand between it and this one, with their certificates.
    pub fn issue_far_below(&self, name: &str) -> Identity {
        let first = self.below("first");
        let second = first.below("second");
        let mut identity = second.issue(name);
        identity.certificate += &(second.certificate() + &first.certificate());
        identity
    }

    pub fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(name).signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// How a client speaks TLS.
pub struct Client {
    config: ClientConfig,
    name: String,
}

impl Client {
    /// Trusts that certificate and asks for that name.
    pub fn new(trusted: &str, name: &str) -> Self {
        Self::with(trusted, name, None, &[&TLS12, &TLS13])
    }

    pub fn with_version_1_2(trusted: &str, name: &str) -> Self {
        Self::with(trusted, name, None, &[&TLS12])
    }

    /// With a certificate of its own.
    pub fn identified(trusted: &str, name: &str, own: &Identity) -> Self {
        Self::with(trusted, name, Some(own), &[&TLS12, &TLS13])
    }

    fn with(
        trusted: &str,
        name: &str,
        own: Option<&Identity>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
            roots.add(certificate.expect("a certificate")).expect("one that can be trusted");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let config = config.with_root_certificates(roots);
        let config = match own {
            Some(own) => config.with_client_auth_cert(own.chain(), own.key()).expect("a certificate"),
            None => config.with_no_client_auth(),
        };
        Self { config, name: name.to_owned() }
    }

    /// Names no server.
    pub fn without_name(mut self) -> Self {
        self.config.enable_sni = false;
        self
    }

    /// Offers these protocols.
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// A connection whose handshake is over, or why it is not.
    pub fn try_connect(&self, address: SocketAddr) -> io::Result<Socket> {
        self.try_over(TcpStream::connect_timeout(&address, DEADLINE)?)
    }

    /// The same over a connection that stands.
    pub fn try_over(&self, mut stream: TcpStream) -> io::Result<Socket> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let mut connection = self.connection();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Socket::secured(Secured::Client(Box::new(StreamOwned::new(connection, stream)))))
    }

    /// The machine alone, for those who move the bytes themselves.
    pub fn connection(&self) -> ClientConnection {
        let name = ServerName::try_from(self.name.clone()).expect("a name");
        ClientConnection::new(Arc::new(self.config.clone()), name).expect("a connection")
    }

    #[track_caller]
    pub fn connect(&self, address: SocketAddr) -> Socket {
        self.try_connect(address).unwrap_or_else(|error| panic!("the handshake failed: {error}"))
    }
}

/// How a peer speaks TLS.
#[derive(Clone)]
pub struct Server(Arc<ServerConfig>);

impl Server {
    pub fn new(identity: &Identity) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        Self(Arc::new(config.with_single_cert(identity.chain(), identity.key()).expect("a certificate")))
    }

    /// Shakes hands on a connection; the name that was asked for stands beside it.
    pub fn try_accept(&self, mut stream: TcpStream) -> io::Result<(Socket, Option<String>)> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let mut connection = ServerConnection::new(Arc::clone(&self.0)).expect("a connection");
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        let name = connection.server_name().map(str::to_owned);
        Ok((Socket::secured(Secured::Server(Box::new(StreamOwned::new(connection, stream)))), name))
    }
}

/// A connection with TLS of either side.
pub enum Secured {
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Secured {
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    /// What a client's connection knows.
    pub fn client(&self) -> &ClientConnection {
        match self {
            Self::Client(stream) => &stream.conn,
            Self::Server(_) => panic!("it is the other side"),
        }
    }

    /// Says that nothing follows.
    pub fn say_goodbye(&mut self) -> io::Result<()> {
        match self {
            Self::Client(stream) => stream.conn.send_close_notify(),
            Self::Server(stream) => stream.conn.send_close_notify(),
        }
        self.flush()
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
