//! Those who may vouch for others: whom files name, who was called back, and over how many certificates in between.

use std::path::Path;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::certificate::Certificate;
use super::distrust::{self, Distrust};
use super::files::{self, Unusable};

/// What the checks of rustls are made of, and what is asked beside them.
pub struct Issuers {
    pub roots: RootCertStore,
    pub called_back: Vec<CertificateRevocationListDer<'static>>,
    pub trust: Trust,
}

impl Issuers {
    /// None so far.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        let trust = Trust { certificates: Vec::new(), depth };
        Self { roots: RootCertStore::empty(), called_back: Vec::new(), trust }
    }

    /// Adds those of a file.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn add(&mut self, file: Option<&Path>) -> Result<(), Unusable> {
        let Some(file) = file else { return Ok(()) };
        for certificate in files::issuers(file)? {
            self.roots.add(certificate.clone()).map_err(|error| files::no_issuer(file, &error.to_string()))?;
            self.trust.certificates.push(certificate);
        }
        Ok(())
    }

    /// Those that a file lists are not to be trusted.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn call_back(&mut self, file: Option<&Path>) -> Result<(), Unusable> {
        self.called_back.extend(file.map(files::called_back).transpose()?.into_iter().flatten());
        Ok(())
    }
}

/// How somebody came to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// All that was to be checked is checked.
    Vouched,
    /// It is a certificate of the files itself: nothing but that and its time is checked.
    Itself,
}

/// What is asked beside the checks of rustls.
#[derive(Debug)]
pub struct Trust {
    certificates: Vec<CertificateDer<'static>>,
    /// How many certificates may stand between one that is shown and one of the files: `ssl_verify_depth`.
    depth: usize,
}

impl Trust {
    /// Judges what is shown, with the others that came with it, by a check of rustls.
    ///
    /// # Errors
    /// Why it is not to be trusted.
    pub fn judge<T>(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        check: impl FnOnce(&[CertificateDer<'_>]) -> Result<T, Error>,
    ) -> Result<Trusted, Distrust> {
        let (between, leads_on) = self.between(shown, others);
        match check(&between) {
            Ok(_) => Ok(Trusted::Vouched),
            // A certificate that signs itself and may sign others is what `openssl req -x509` makes, and OpenSSL takes it if
            // it is in the file. rustls takes no such certificate at all.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) if self.knows(shown, now) => Ok(Trusted::Itself),
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) if leads_on => Err(Distrust::too_long()),
            Err(error) => Err(distrust::of(&error, shown)),
        }
    }

    fn knows(&self, shown: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.certificates.iter().any(|known| known == shown) && is_good_at(shown, now.as_secs())
    }

    /// Those of the others that lead away from what is shown, step by step, in as many steps as are allowed; and whether
    /// one more step would lead further. One that signs itself leads nowhere.
    fn between<'o>(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'o>],
    ) -> (Vec<CertificateDer<'o>>, bool) {
        let mut left: Vec<(&CertificateDer<'o>, Certificate<'_>)> = others
            .iter()
            .filter_map(|other| Certificate::read(other).map(|read| (other, read)))
            .filter(|(_, read)| read.subject != read.issuer)
            .collect();
        let mut wanted: Vec<&[u8]> = Certificate::read(shown).map(|read| read.issuer).into_iter().collect();
        let mut found = Vec::new();
        for _ in 0..self.depth {
            let (step, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, read)| wanted.contains(&read.subject));
            left = rest;
            wanted = step.iter().map(|(_, read)| read.issuer).collect();
            found.extend(step.into_iter().map(|(other, _)| other.clone()));
            if wanted.is_empty() {
                break;
            }
        }
        let leads_on = left.iter().any(|(_, read)| wanted.contains(&read.subject));
        (found, leads_on)
    }
}

/// Whether the time is between those of a certificate.
fn is_good_at(certificate: &CertificateDer<'_>, seconds: u64) -> bool {
    let now = i64::try_from(seconds).unwrap_or(i64::MAX);
    Certificate::read(certificate).is_some_and(|known| {
        known.not_before.seconds().is_some_and(|begin| begin <= now)
            && known.not_after.seconds().is_some_and(|end| now <= end)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    type Signer = CertifiedIssuer<'static, KeyPair>;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn below(name: &str, above: &Signer) -> Signer {
        CertifiedIssuer::signed_by(params(name), KeyPair::generate().unwrap(), above).unwrap()
    }

    #[test]
    fn so_many_certificates_stand_between_in_any_order() {
        let root = CertifiedIssuer::self_signed(params("root"), KeyPair::generate().unwrap()).unwrap();
        let first = below("first", &root);
        let second = below("second", &first);
        let leaf = below("leaf", &second);
        let stranger = CertifiedIssuer::self_signed(params("stranger"), KeyPair::generate().unwrap()).unwrap();
        let others = [&root, &stranger, &first, &second].map(|other| other.der().clone());
        let expect = |depth, between: &[&Signer], leads_on| {
            let (found, further) = Issuers::new(depth).trust.between(leaf.der(), &others);
            let between: Vec<_> = between.iter().map(|one| one.der().clone()).collect();
            assert!(found == between && further == leads_on, "{depth}: {} {further}", found.len());
        };
        expect(0, &[], true);
        expect(1, &[&second], true);
        expect(2, &[&second, &first], false);
        expect(6, &[&second, &first], false);
    }

    #[test]
    fn certificates_that_sign_each_other_come_to_an_end() {
        let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let one = CertifiedIssuer::self_signed(params("one"), one).unwrap();
        let other_by_one = CertifiedIssuer::signed_by(params("other"), other, &one).unwrap();
        let one_by_other = below("one", &other_by_one);
        let others = [other_by_one.der().clone(), one_by_other.der().clone()];
        let (found, leads_on) = Issuers::new(6).trust.between(other_by_one.der(), &others);
        assert!(found.len() == 2 && !leads_on);
    }

    #[test]
    fn what_is_no_certificate_leads_nowhere() {
        let broken = CertificateDer::from(vec![0x30, 0x82, 0xff]);
        let (found, leads_on) = Issuers::new(1).trust.between(&broken, &[broken.clone(), CertificateDer::from(vec![])]);
        assert!(found.is_empty() && !leads_on);
    }
}
