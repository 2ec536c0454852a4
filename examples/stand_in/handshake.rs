//! The opening handshake as `golang.org/x/net/websocket` and Go's mux do it, wire.md section 3.

use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};

/// Judges a client's request.
pub(super) struct Judge<'a> {
    /// What a proxy in front wants to see.
    pub(super) wanted: &'a [(&'static str, &'static str)],
}

impl Callback for Judge<'_> {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        for (name, value) in self.wanted {
            if !request
                .headers()
                .get_all(*name)
                .iter()
                .any(|sent| sent == value)
            {
                return Err(refuse(StatusCode::UNAUTHORIZED));
            }
        }
        if request.uri().path().starts_with("//") {
            return Err(refuse(StatusCode::MOVED_PERMANENTLY));
        }
        let origin = request.headers().get(header::ORIGIN);
        if !origin.is_some_and(|origin| is_request_uri(origin.as_bytes())) {
            return Err(refuse(StatusCode::FORBIDDEN));
        }
        if let Some(protocol) = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL) {
            if protocol.as_bytes().contains(&b',') {
                return Err(refuse(StatusCode::BAD_REQUEST));
            }
            let protocol: HeaderValue = protocol.clone();
            response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(response)
    }
}

/// An answer with an empty body.
fn refuse(status: StatusCode) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = status;
    response
}

/// Go's `url.ParseRequestURI`, near enough: `*`, a path, or something with a scheme.
fn is_request_uri(text: &[u8]) -> bool {
    let scheme = text
        .iter()
        .position(|byte| *byte == b':')
        .and_then(|end| text.get(..end))
        .is_some_and(|scheme| {
            scheme.first().is_some_and(u8::is_ascii_alphabetic)
                && scheme
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        });
    text == b"*" || text.starts_with(b"/") || scheme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_as_observed() {
        for accepted in ["http://localhost/", "/", "*", "file://"] {
            assert!(is_request_uri(accepted.as_bytes()), "{accepted}");
        }
        for refused in ["", "null", "foo"] {
            assert!(!is_request_uri(refused.as_bytes()), "{refused}");
        }
    }
}
