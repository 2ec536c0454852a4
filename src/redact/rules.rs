//! What is a secret, by the name that it goes under or by what it looks like.

use regex::bytes::{Regex, RegexBuilder};

use crate::http::media;

/// How much memory a regular expression of the user may take, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// Names of secrets, without anything but letters and digits.
const NAMES: [&str; 31] = [
    "pass",
    "pwd",
    "pw",
    "psw",
    "pswd",
    "passcode",
    "auth",
    "authorization",
    "bearer",
    "jwt",
    "otp",
    "totp",
    "pin",
    "session",
    "sid",
    "csrf",
    "xsrf",
    "credential",
    "credentials",
    "sig",
    "signature",
    "creditcard",
    "cardnumber",
    "ccnumber",
    "cvv",
    "cvc",
    "ssn",
    "codeverifier",
    // Variables of sshpass, redis-cli and Rails.
    "sshpass",
    "rediscliauth",
    "secretkeybase",
];
/// What names of secrets end in.
const ENDINGS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "sessionid",
    "sessionkey",
    "phpsessid",
    "authkey",
    "csrfmiddlewaretoken",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "accountkey",
    "storagekey",
];
/// What the last word of the name of a secret is, where it has several: `DB_PASS`, `MYSQL_PWD`, `GH_PAT`.
const LAST_WORDS: [&str; 4] = ["pass", "pwd", "pw", "pat"];
/// Fields of which the value is a scheme and credentials.
const CREDENTIALS: [&str; 2] = ["authorization", "proxy-authorization"];

/// The schemes of credentials, in lower case (IANA, "HTTP Authentication Schemes", and some that are not there). What begins
/// with no known scheme is a secret as a whole.
const SCHEMES: [&str; 17] = [
    "basic",
    "bearer",
    "digest",
    "dpop",
    "hawk",
    "hoba",
    "mutual",
    "negotiate",
    "ntlm",
    "oauth",
    "scram-sha-1",
    "scram-sha-256",
    "vapid",
    "aws4-hmac-sha256",
    "apikey",
    "key",
    "token",
];

/// What looks like a secret wherever it stands. The groups say what of it is one.
///
/// A JWT is two parts at least of base64url that begin as JSON does (RFC 7519, section 3). In JSON text a slash may be
/// escaped.
const LOOKS: &str = r#"(?x-u)
    (?i:bearer) (?:[\ \t]+|%20|\+) (?<bearer>(?:[A-Za-z0-9._~+/=-]|\\/|%[0-9A-Fa-f]{2}){8,})
    | (?<jwt> eyJ[A-Za-z0-9_-]{5,} \. [A-Za-z0-9_-]+ (?:\.[A-Za-z0-9_-]*)* )
    | :// [^/?\#@\s"'<>:]* : (?<userinfo> [^/?\#@\s"'<>]+ ) @
"#;

/// Whether this is the scheme of credentials.
pub(super) fn is_scheme(word: &[u8]) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Whether the scheme of credentials may begin so.
pub(super) fn begins_scheme(word: &[u8]) -> bool {
    let begins = |scheme: &str| {
        let start = scheme.as_bytes().get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    SCHEMES.iter().any(|scheme| begins(scheme))
}

/// A rule of the user.
#[derive(Debug, Clone)]
pub enum Rule {
    /// The values of a header field.
    Header(String),
    /// The values of a parameter of a query or a form, or of a member of JSON.
    Field(String),
    /// What a regular expression matches, in the values of header fields and in text.
    Pattern(Regex),
}

/// Why a text is no rule.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It does not begin with what a rule is about.
    #[error("expected `header:NAME`, `field:NAME` or `regex:RE`, not `{0}`")]
    UnknownSort(String),
    /// It has no name, or nothing to match.
    #[error("`{0}` names nothing")]
    Empty(String),
    /// It has an expression that cannot be used.
    #[error("the regular expression cannot be used")]
    Expression(#[source] Box<regex::Error>),
}

impl Rule {
    /// Reads `header:NAME`, `field:NAME` or `regex:RE`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let unknown = || RuleError::UnknownSort(text.to_owned());
        let (sort, what) = text.split_once(':').ok_or_else(unknown)?;
        let is_empty = match sort {
            "field" => normal(what.as_bytes()).is_empty(),
            _ => what.is_empty(),
        };
        match sort {
            "header" | "field" | "regex" if is_empty => Err(RuleError::Empty(text.to_owned())),
            "header" => Ok(Self::Header(what.to_owned())),
            "field" => Ok(Self::Field(what.to_owned())),
            "regex" => RegexBuilder::new(what)
                .size_limit(REGEX_BYTES)
                .build()
                .map(Self::Pattern)
                .map_err(|error| RuleError::Expression(Box::new(error))),
            _ => Err(unknown()),
        }
    }
}

/// What a header field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldSort {
    /// A scheme, and credentials after it.
    Credentials,
    /// `Cookie`.
    Cookies,
    /// `Set-Cookie`.
    SetCookie,
    /// A secret as a whole.
    Secret,
    /// A text, in which there may be secrets.
    Text,
}

/// All rules: those that are always there, and those of the user.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    headers: Vec<String>,
    fields: Vec<String>,
    /// What [`LOOKS`] says.
    pub(super) looks: Regex,
    /// Those of the user.
    pub(super) patterns: Vec<Regex>,
}

impl Rules {
    pub(super) fn new(own: Vec<Rule>) -> Self {
        let mut rules = Self {
            headers: Vec::new(),
            fields: Vec::new(),
            looks: Regex::new(LOOKS).expect("a constant expression compiles"),
            patterns: Vec::new(),
        };
        for rule in own {
            match rule {
                Rule::Header(name) => rules.headers.push(name),
                Rule::Field(name) => rules.fields.push(normal(name.as_bytes())),
                Rule::Pattern(pattern) => rules.patterns.push(pattern),
            }
        }
        rules
    }

    /// Whether the value of a parameter or a member of this name is a secret. Only letters and digits count, and case does
    /// not; of `user[password]` and `user.password` the last part counts as well, and of `DB_PASS` the last word.
    pub(super) fn is_secret(&self, name: &[u8]) -> bool {
        let is = |name: &str| {
            NAMES.contains(&name)
                || self.fields.iter().any(|own| own == name)
                || ENDINGS.iter().any(|ending| name.ends_with(ending))
        };
        let last = name
            .rsplit(|byte| matches!(byte, b'[' | b']' | b'.' | b':' | b'/'))
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        is(&normal(name)) || is(&normal(last)) || ends_in_word(last)
    }

    /// What the value of a header field is.
    pub(super) fn field(&self, name: &[u8]) -> FieldSort {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if self.headers.iter().any(|own| is(own)) {
            FieldSort::Secret
        } else if CREDENTIALS.iter().any(|known| is(known)) {
            FieldSort::Credentials
        } else if is("cookie") {
            FieldSort::Cookies
        } else if is("set-cookie") {
            FieldSort::SetCookie
        } else if self.is_secret(name.strip_prefix(b"x-").unwrap_or(name)) {
            FieldSort::Secret
        } else {
            FieldSort::Text
        }
    }

    /// The same, for a name with percent encoding.
    pub(super) fn is_secret_encoded(&self, name: &[u8]) -> bool {
        media::pairs(name).any(|(name, _)| self.is_secret(&name))
    }
}

fn ends_in_word(name: &[u8]) -> bool {
    let Some(at) = name.iter().rposition(|byte| matches!(byte, b'_' | b'-')) else {
        return false;
    };
    let (before, last) = name.split_at(at);
    let last = last.get(1..).unwrap_or_default();
    before.iter().any(u8::is_ascii_alphanumeric)
        && LAST_WORDS
            .iter()
            .any(|word| last.eq_ignore_ascii_case(word.as_bytes()))
}

fn normal(name: &[u8]) -> String {
    name.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        let rules = Rules::new(vec![Rule::parse("field:My-Field").unwrap()]);
        for name in [
            "password",
            "PASSWORD",
            "pw",
            "PSWD",
            "pass_word",
            "new-password",
            "user[password]",
            "user[pin]",
            "a.otp",
            "password[]",
            "access_token",
            "refreshToken",
            "id_token",
            "api_key",
            "X-Api-Key",
            "client_secret",
            "sessionId",
            "my_field",
            "PHPSESSID",
            "code_verifier",
            "auth",
            "PGPASSWORD",
            "MYSQL_PWD",
            "MYSQL_ROOT_PASSWORD",
            "DB_PASS",
            "login_pw",
            "SSHPASS",
            "REDISCLI_AUTH",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AZURE_STORAGE_KEY",
            "AccountKey",
            "GITHUB_TOKEN",
            "GH_PAT",
            "RAILS_MASTER_KEY",
            "SECRET_KEY_BASE",
            "--proxy-pass",
            "OPENAI_API_KEY",
        ] {
            assert!(rules.is_secret(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "passage",
            "pwm",
            "tokens_used",
            "author",
            "pinned",
            "q",
            "id",
            "key",
            "OLDPWD",
            "AWS_ACCESS_KEY_ID",
            "PGPASSFILE",
            "bypass",
            "-pat",
        ] {
            assert!(!rules.is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn header_fields() {
        let rules = Rules::new(vec![Rule::parse("header:X-Own").unwrap()]);
        for (name, expected) in [
            ("Authorization", FieldSort::Credentials),
            ("proxy-authorization", FieldSort::Credentials),
            ("Cookie", FieldSort::Cookies),
            ("SET-COOKIE", FieldSort::SetCookie),
            ("X-Api-Key", FieldSort::Secret),
            ("X-Auth-Token", FieldSort::Secret),
            ("X-CSRF-Token", FieldSort::Secret),
            ("x-xsrf-token", FieldSort::Secret),
            ("x-own", FieldSort::Secret),
            ("Host", FieldSort::Text),
        ] {
            assert_eq!(rules.field(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn rules_of_the_user() {
        for text in [
            "", "x", "cookie:a", "header:", "field:--", "regex:", "regex:(",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        assert!(matches!(Rule::parse("regex:a:b"), Ok(Rule::Pattern(_))));
    }
}
