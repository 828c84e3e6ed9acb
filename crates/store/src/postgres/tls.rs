//! TLS to PostgreSQL, as the URL's `sslmode` and `sslrootcert` ask for it in libpq's words:
//! <https://www.postgresql.org/docs/current/libpq-ssl.html>.
//!
//! | sslmode | encrypted | certificate checked |
//! |---|---|---|
//! | `disable` | no | – |
//! | `prefer` (the default), `allow` | where the server can | no |
//! | `require` | yes | no; against `sslrootcert`, where it is given |
//! | `verify-ca` | yes | yes, but not the name in it |
//! | `verify-full` | yes | yes |
//!
//! Without `sslrootcert`, or with `sslrootcert=system`, it is checked against the system's authorities.

use crate::error::Cause;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_postgres::config::SslMode;

/// Makes TLS connections.
pub(super) type Connector = tokio_postgres_rustls::MakeRustlsConnect;

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Authority,
    AuthorityAndName,
}

/// What a URL says of TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tls {
    mode: SslMode,
    check: Check,
    /// A file of certificates; none for the system's.
    roots: Option<String>,
}

impl Tls {
    /// Takes `sslmode` and `sslrootcert` out of `url`: the driver knows only some of their values. Gives the rest of
    /// the URL, or what is wrong with it.
    pub(super) fn split_off(url: &str) -> Result<(String, Self), String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = ("prefer".to_owned(), None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => value.clone_into(&mut mode),
                Some(("sslrootcert", value)) => roots = Some(percent_decoded(value)?),
                _ => rest.push(parameter),
            }
        }
        let (mode, check) = match (mode.as_str(), &roots) {
            ("disable", _) => (SslMode::Disable, Check::Nothing),
            ("allow" | "prefer", _) => (SslMode::Prefer, Check::Nothing),
            ("require", None) => (SslMode::Require, Check::Nothing),
            ("require", Some(_)) | ("verify-ca", _) => (SslMode::Require, Check::Authority),
            ("verify-full", _) => (SslMode::Require, Check::AuthorityAndName),
            (other, _) => return Err(format!("has an sslmode that is none: {other}")),
        };
        let roots = roots.filter(|roots| roots != "system");
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Ok((url, Self { mode, check, roots }))
    }

    pub(super) const fn mode(&self) -> SslMode {
        self.mode
    }

    /// Reads the certificates that it needs.
    pub(super) fn connector(&self) -> Result<Connector, Cause> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = self.verifier(&provider)?;
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Connector::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Cause> {
        if self.check == Check::Nothing {
            return Ok(Arc::new(Lenient { strict: None, provider: provider.clone() }));
        }
        let strict: Arc<dyn ServerCertVerifier> = match &self.roots {
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(file)? {
                    roots.add(certificate?)?;
                }
                WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build()?
            }
            None => Arc::new(rustls_platform_verifier::Verifier::new(provider.clone())?),
        };
        match self.check {
            Check::AuthorityAndName => Ok(strict),
            _ => Ok(Arc::new(Lenient { strict: Some(strict), provider: provider.clone() })),
        }
    }
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let wrong = || "has an sslrootcert that is not percent-encoded UTF-8".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits =
                after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Accepts a certificate under any name, where it is of an authority that `strict` knows; without one, any at all.
/// Encrypting to nobody in particular is what these modes ask for.
#[derive(Debug)]
struct Lenient {
    strict: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(strict) = &self.strict else { return Ok(ServerCertVerified::assertion()) };
        let checked = strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            // The name is what is looked at last, when everything else was found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn check(url: &str, rest: &str, mode: SslMode, check: Check, roots: Option<&str>) {
        let expected = Tls { mode, check, roots: roots.map(ToOwned::to_owned) };
        assert_eq!(Tls::split_off(url), Ok((rest.to_owned(), expected)), "{url}");
    }

    #[test]
    fn the_url_says_what_is_encrypted_and_checked() {
        let base = "postgres://u@h/d";
        check(base, base, SslMode::Prefer, Check::Nothing, None);
        check("postgres://u@h/d?sslmode=disable", base, SslMode::Disable, Check::Nothing, None);
        check("postgres://u@h/d?sslmode=require", base, SslMode::Require, Check::Nothing, None);
        check("postgres://u@h/d?sslmode=verify-ca", base, SslMode::Require, Check::Authority, None);
        check(
            "postgres://u@h/d?a=b&sslmode=verify-full&sslrootcert=%2Fca%20s.pem&c=d",
            "postgres://u@h/d?a=b&c=d",
            SslMode::Require,
            Check::AuthorityAndName,
            Some("/ca s.pem"),
        );
        check(
            "postgres://u@h/d?sslmode=require&sslrootcert=/ca.pem",
            base,
            SslMode::Require,
            Check::Authority,
            Some("/ca.pem"),
        );
        check(
            "postgres://u@h/d?sslmode=verify-full&sslrootcert=system",
            base,
            SslMode::Require,
            Check::AuthorityAndName,
            None,
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Tls::split_off("postgres://h/d?sslmode=perhaps").is_err());
        assert!(Tls::split_off("postgres://h/d?sslrootcert=%G0").is_err());
        assert!(Tls::split_off("postgres://h/d?sslrootcert=%f").is_err());
    }

    #[test]
    fn a_file_of_certificates_that_is_not_there_is_an_error() {
        let (_, tls) = Tls::split_off("postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere").unwrap();
        assert!(tls.connector().is_err());
    }
}
