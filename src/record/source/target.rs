//! Where eCapture listens, and what is said to it first.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio_tungstenite::Connector;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::header::Header;
use crate::record::error::Error;
use crate::record::options::DEFAULT_MAX_MESSAGE_BYTES;

/// The port that a URL names, if it is one of this host.
///
/// # Errors
/// When it is no URL that eCapture could have.
pub fn local_port(url: &str) -> Result<Option<u16>, Error> {
    let target = Target::new(url, &[], DEFAULT_MAX_MESSAGE_BYTES, None)?;
    Ok(target.local_port())
}

/// Where eCapture listens.
pub(in crate::record) struct Target {
    pub(super) request: Request,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) config: WebSocketConfig,
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// Reads the URL. `tls` is for those that ask for it, and does nothing for others.
    pub(in crate::record) fn new(
        url: &str,
        headers: &[Header],
        max_message_bytes: usize,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, Error> {
        let bad = |reason: &str| Error::BadUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let uri: Uri = url
            .parse()
            .map_err(|_| bad("not a URL; the usual one is ws://127.0.0.1:28257/"))?;
        // It would be stored and shown as part of the URL, and is not sent.
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(Error::SecretInUrl);
        }
        let default_port = match uri.scheme_str() {
            Some("ws") => 80,
            Some("wss") => 443,
            _ => return Err(bad("must begin with ws:// or wss://")),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| bad("has no host"))?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = uri.port_u16().unwrap_or(default_port);
        let mut request = ClientRequestBuilder::new(uri)
            .into_client_request()
            .map_err(|error| bad(&error.to_string()))?;
        request
            .headers_mut()
            .insert("Origin", HeaderValue::from_static("http://localhost/"));
        for header in headers {
            let (name, value) = (header.name.clone(), header.value.clone());
            if header.is_single() {
                request.headers_mut().insert(name, value);
            } else {
                request.headers_mut().append(name, value);
            }
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        Ok(Self {
            request,
            host,
            port,
            config,
            tls,
        })
    }

    /// The port, if it is one of this host.
    fn local_port(&self) -> Option<u16> {
        let is_here = match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost",
        };
        is_here.then_some(self.port)
    }

    /// What makes the TLS below the link. It does nothing for `ws://`.
    pub(super) fn connector(&self) -> Option<Connector> {
        self.tls.clone().map(Connector::Rustls)
    }
}

/// Whether a URL asks for TLS.
pub(in crate::record) fn is_secure(url: &str) -> bool {
    url.get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, Error> {
        Target::new(url, &[], 1 << 20, None)
    }

    #[test]
    fn urls_are_read_or_refused() {
        let local = target("ws://[::1]:28257/").unwrap();
        assert_eq!((local.host.as_str(), local.port), ("::1", 28257));
        assert_eq!(local.request.headers()["origin"], "http://localhost/");
        assert_eq!(target("wss://host/x").unwrap().port, 443);
        for url in [
            "",
            "foo",
            "http://h/",
            "ws://",
            "ws:///x",
            "127.0.0.1:28257",
        ] {
            assert!(matches!(target(url), Err(Error::BadUrl { .. })), "{url}");
        }
    }

    #[test]
    fn what_a_url_says_for_itself_is_no_secret() {
        let refused = target("ws://me:s3cret@host/");
        assert!(matches!(refused, Err(Error::SecretInUrl)));
    }

    #[test]
    fn headers_go_with_the_handshake_and_replace_the_origin() {
        let headers: Vec<_> = ["X-A: 1", "X-A: 2", "origin: http://other/", "Host: proxy"]
            .iter()
            .map(|text| Header::parse(text).unwrap())
            .collect();
        let target = Target::new("ws://host/", &headers, 1 << 20, None).unwrap();
        let sent = |name: &str| -> Vec<_> {
            let values = target.request.headers().get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(sent("x-a"), ["1", "2"]);
        assert_eq!(sent("origin"), ["http://other/"]);
        assert_eq!(sent("host"), ["proxy"]);
    }
}
