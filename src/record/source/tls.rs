//! TLS below the WebSocket: whom we trust, and what a failed handshake means.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::record::error::Error;
use crate::record::notice::Why;

/// Trusts what the system trusts, what Mozilla does, and the certificates in these files.
pub(in crate::record) fn config(authorities: &[PathBuf]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    // A system without any, or with one that cannot be read, still has the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for path in authorities {
        add(&mut roots, path)?;
    }
    Ok(Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    ))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let bad = |reason: String| Error::BadAuthority {
        path: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| bad(reason(error)))?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(reason(error)))?;
        roots
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(bad("holds no certificate in PEM form".to_owned()));
    }
    Ok(())
}

fn reason(error: rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => format!("is no PEM: {other}"),
    }
}

/// What went wrong in a TLS handshake, as far as that shows, and in words; `None` if it was not TLS that failed.
pub(super) fn failure(error: &io::Error) -> Option<(Why, String)> {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let words = "the server hung up in the TLS handshake: it may not speak TLS";
        return Some((Why::NotTls, words.to_owned()));
    }
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let (why, words) = match error {
        // A bad signature is also what a certificate has that names one of ours as its issuer and is of another.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => (
            Why::UnknownAuthority,
            "the server's certificate is signed by nobody we trust".to_owned(),
        ),
        rustls::Error::InvalidCertificate(
            error @ (CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }),
        ) => (
            Why::WrongName,
            format!("the server's certificate is for another name: {error}"),
        ),
        rustls::Error::InvalidCertificate(error) => (
            Why::Certificate,
            format!("the server's certificate is no good: {error}"),
        ),
        rustls::Error::InvalidMessage(_) => (
            Why::NotTls,
            "the server's answer is no TLS: it speaks plain WebSocket, perhaps".to_owned(),
        ),
        other => (Why::Other, format!("TLS failed: {other}")),
    };
    Some((why, words))
}
