//! Names for files that are safe in every folder: nothing captured can name another place, hide a file or mean a device.

use crate::http::exchange::{Exchange, Side};
use crate::http::media;

/// The longest name, in bytes.
pub(super) const NAME_BYTES: usize = 100;
/// The longest extension that is taken from a URL, in bytes.
const EXTENSION_BYTES: usize = 8;
/// What a body is called of which nothing is known.
const UNKNOWN_EXTENSION: &str = "bin";

/// What has the mark of something more general, by the extension of that: what the type or the URL says is more exact.
const MORE_EXACT: [(&str, &[&str]); 7] = [
    (
        "zip",
        &[
            "aar", "apk", "docx", "ear", "epub", "ipa", "jar", "kmz", "nupkg", "odp", "ods", "odt",
            "pptx", "vsix", "war", "whl", "xlsx", "xpi",
        ],
    ),
    ("gz", &["tgz"]),
    ("exe", &["dll", "sys"]),
    ("ogg", &["oga", "ogv", "opus"]),
    ("mp4", &["m4a", "m4s", "m4v"]),
    (
        "json",
        &["geojson", "har", "ipynb", "jsonl", "map", "ndjson"],
    ),
    (
        "xml",
        &[
            "atom", "gpx", "kml", "mpd", "plist", "rss", "svg", "wsdl", "xhtml", "xsd", "xsl",
        ],
    ),
];

/// `{exchange}-{side}-{last part of the path}.{extension}`, of ASCII letters, digits, `.`, `_` and `-`, at most
/// [`NAME_BYTES`]. The extension is that of what the body was recognized as, `recognized`, else that of its type, else the
/// URL's. `copy` tells apart what has the same name: from the second on, its number is added.
///
/// It begins with a digit, so it is no hidden file, no option, and none of the names that Windows keeps for devices.
pub(super) fn of(
    exchange: &Exchange,
    side: Side,
    recognized: Option<&'static str>,
    copy: u32,
) -> String {
    let target = exchange
        .head(Side::Request)
        .and_then(|head| head.target.as_deref());
    let content_type = exchange
        .head(side)
        .and_then(|head| head.values("content-type").next());
    // What a request sends is not what its URL names.
    let segment = match side {
        Side::Request => String::new(),
        Side::Response => segment(target.unwrap_or_default()),
    };
    let said = content_type.and_then(|content_type| extension(content_type));
    let named = named_extension(&segment);
    let known = match recognized {
        Some(seen) if said.is_some_and(|said| is_more_exact(said, seen)) => said,
        Some(seen) => Some(seen),
        None => said,
    };
    let (stem, extension) = match (known, named) {
        (None, None) => (segment.as_str(), UNKNOWN_EXTENSION.to_owned()),
        (None, Some((stem, extension))) => (stem, extension.to_ascii_lowercase()),
        (Some(known), Some((stem, extension)))
            if is_same(known, extension) || is_more_exact(extension, known) =>
        {
            (stem, extension.to_ascii_lowercase())
        }
        (Some(known), _) => (segment.as_str(), known.to_owned()),
    };
    let start = format!("{}-{}", exchange.id.unsigned_abs(), side.name());
    let end = match copy {
        0 | 1 => format!(".{extension}"),
        copy => format!("-{copy}.{extension}"),
    };
    let room = NAME_BYTES.saturating_sub(start.len().saturating_add(end.len()).saturating_add(1));
    let stem = stem.get(..room).unwrap_or(stem).trim_end_matches('.');
    if stem.is_empty() {
        format!("{start}{end}")
    } else {
        format!("{start}-{stem}{end}")
    }
}

/// The last part of the path, with everything replaced that is not safe.
fn segment(target: &[u8]) -> String {
    let path = target
        .split(|byte| matches!(byte, b'?' | b'#'))
        .next()
        .unwrap_or_default();
    let last = path
        .rsplit(|byte| matches!(byte, b'/' | b'\\'))
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let safe: String = last
        .iter()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(*byte),
            b'.' | b'_' | b'-' => char::from(*byte),
            _ => '_',
        })
        .collect();
    safe.trim_matches('.').to_owned()
}

fn named_extension(segment: &str) -> Option<(&str, &str)> {
    let (stem, extension) = segment.rsplit_once('.')?;
    let is_one = (1..=EXTENSION_BYTES).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_one && !stem.is_empty()).then_some((stem, extension))
}

/// Whether one extension is of a sort of what another is of.
fn is_more_exact(one: &str, other: &str) -> bool {
    let sorts = MORE_EXACT.iter().find(|(general, _)| *general == other);
    sorts.is_some_and(|(_, sorts)| sorts.contains(&one.to_ascii_lowercase().as_str()))
}

fn is_same(known: &str, named: &str) -> bool {
    let one = |extension: &str| match extension.to_ascii_lowercase().as_str() {
        "jpeg" => "jpg".to_owned(),
        "htm" => "html".to_owned(),
        "mjs" => "js".to_owned(),
        "tif" => "tiff".to_owned(),
        "mid" => "midi".to_owned(),
        "mpeg" => "mpg".to_owned(),
        other => other.to_owned(),
    };
    one(known) == one(named)
}

/// The extension that goes with a type.
fn extension(content_type: &[u8]) -> Option<&'static str> {
    const EXTENSIONS: [(&str, &str); 35] = [
        ("text/html", "html"),
        ("application/xhtml+xml", "xhtml"),
        ("text/css", "css"),
        ("text/javascript", "js"),
        ("application/javascript", "js"),
        ("application/x-javascript", "js"),
        ("text/plain", "txt"),
        ("text/csv", "csv"),
        ("text/event-stream", "txt"),
        ("text/xml", "xml"),
        ("application/xml", "xml"),
        ("application/json", "json"),
        ("application/x-ndjson", "ndjson"),
        ("application/x-www-form-urlencoded", "form"),
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
        ("image/avif", "avif"),
        ("image/svg+xml", "svg"),
        ("image/x-icon", "ico"),
        ("image/vnd.microsoft.icon", "ico"),
        ("font/woff", "woff"),
        ("font/woff2", "woff2"),
        ("font/ttf", "ttf"),
        ("audio/mpeg", "mp3"),
        ("audio/ogg", "ogg"),
        ("video/mp4", "mp4"),
        ("video/webm", "webm"),
        ("application/pdf", "pdf"),
        ("application/zip", "zip"),
        ("application/gzip", "gz"),
        ("application/wasm", "wasm"),
        ("application/grpc", "grpc"),
        ("application/x-protobuf", "pb"),
    ];
    let known = EXTENSIONS
        .iter()
        .find(|(known, _)| media::is(content_type, known));
    if let Some((_, extension)) = known {
        return Some(extension);
    }
    let essence = media::essence(content_type).to_ascii_lowercase();
    if essence.ends_with(b"+json") {
        Some("json")
    } else if essence.ends_with(b"+xml") {
        Some("xml")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    fn exchange(target: &[u8], content_type: &[u8]) -> Exchange {
        let mut exchange = samples::exchange();
        let request = exchange.request.as_mut().unwrap().head.as_mut().unwrap();
        request.target = Some(Bytes::copy_from_slice(target));
        let response = exchange.response.as_mut().unwrap().head.as_mut().unwrap();
        response.fields = samples::fields(&[(b"content-type", content_type)]);
        exchange
    }

    fn name(target: &[u8], content_type: &[u8], side: Side, copy: u32) -> String {
        let exchange = exchange(target, content_type);
        of(&exchange, side, None, copy)
    }

    #[test]
    fn what_was_recognized_says_more_than_what_was_said() {
        for (target, content_type, recognized, expected) in [
            ("/logo", "", "png", "12-response-logo.png"),
            ("/logo.png", "", "png", "12-response-logo.png"),
            ("/logo", "text/html", "png", "12-response-logo.png"),
            (
                "/logo.png",
                "image/png",
                "html",
                "12-response-logo.png.html",
            ),
            ("/photo.jpeg", "", "jpg", "12-response-photo.jpeg"),
            ("/a.jar", "", "zip", "12-response-a.jar"),
            ("/a.JAR", "text/html", "zip", "12-response-a.jar"),
            ("/a", "text/html", "zip", "12-response-a.zip"),
            ("/a", "image/svg+xml", "xml", "12-response-a.svg"),
            (
                "/app.js.map",
                "application/json",
                "json",
                "12-response-app.js.map",
            ),
            ("/a.tar.gz", "", "gz", "12-response-a.tar.gz"),
        ] {
            let exchange = exchange(target.as_bytes(), content_type.as_bytes());
            let found = of(&exchange, Side::Response, Some(recognized), 0);
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn names() {
        for (target, content_type, expected) in [
            ("/a/logo.png?v=1", "image/png", "12-response-logo.png"),
            ("/logo.PHP", "image/png", "12-response-logo.PHP.png"),
            ("/photo.JPEG", "image/jpeg", "12-response-photo.jpeg"),
            ("/", "text/html; charset=utf-8", "12-response.html"),
            (
                "/api/users/",
                "application/problem+json",
                "12-response-users.json",
            ),
            ("/../../etc/passwd", "", "12-response-passwd.bin"),
            ("/..", "", "12-response.bin"),
            ("/.htaccess", "", "12-response-htaccess.bin"),
            ("/a\\b:c\0d", "x/y", "12-response-b_c_d.bin"),
            ("/con.txt", "text/plain", "12-response-con.txt"),
            ("/data.tar.gz", "", "12-response-data.tar.gz"),
        ] {
            let found = name(
                target.as_bytes(),
                content_type.as_bytes(),
                Side::Response,
                0,
            );
            assert_eq!(found, expected, "{target}");
        }
        assert_eq!(name(b"/x", b"", Side::Request, 0), "12-request.form");
        assert_eq!(
            name(b"/x", b"text/css", Side::Response, 2),
            "12-response-x-2.css"
        );
    }

    proptest! {
        #[test]
        fn every_name_is_safe(
            target in prop_oneof![any::<Vec<u8>>(), "[./a]{0,200}".prop_map(String::into_bytes)],
            content_type in any::<Vec<u8>>(),
            copy in any::<u32>(),
        ) {
            let name = name(&target, &content_type, Side::Response, copy);
            prop_assert!(name.len() <= NAME_BYTES);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
            prop_assert!(name.starts_with("12-response") && !name.ends_with('.'));
        }
    }
}
