//! The options of well-known commands that are not named like secrets, and have one. A table, and nothing else.

/// What of the value of an option is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// All of it.
    Whole,
    /// What is behind its first colon.
    Password,
    /// The value of the header field that it is, if that is one.
    Field,
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    names: &'static [&'static str],
    /// Options of one letter.
    short: &'static [(u8, Take)],
    /// Whether the value of these may be the next word.
    is_apart: bool,
    /// Letters without a value that may stand before them in the same word.
    flags: &'static [u8],
    /// Options of more than one letter.
    long: &'static [(&'static str, Take)],
    /// Words behind which a colon and a secret may stand.
    before_colon: &'static [&'static str],
}

/// An option of one letter, and whether its value may be the next word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) take: Take,
    pub(super) is_apart: bool,
}

const fn command(names: &'static [&'static str], short: &'static [(u8, Take)]) -> Command {
    Command {
        names,
        short,
        is_apart: true,
        flags: b"",
        long: &[],
        before_colon: &[],
    }
}

/// Options that are taken for these behind whatever command.
static EVERYWHERE: [(&str, Take); 3] = [
    ("-H", Take::Field),
    ("--header", Take::Field),
    ("--proxy-header", Take::Field),
];

static COMMANDS: [Command; 7] = [
    Command {
        flags: b"#01346afgiIjJkLlnNOpqRsSvZ",
        long: &[
            ("--user", Take::Password),
            ("--proxy-user", Take::Password),
            ("--cert", Take::Password),
            ("--proxy-cert", Take::Password),
            ("--cookie", Take::Whole),
            ("--oauth2-bearer", Take::Whole),
        ],
        ..command(
            &["curl"],
            &[
                (b'u', Take::Password),
                (b'U', Take::Password),
                (b'E', Take::Password),
                (b'b', Take::Whole),
                (b'H', Take::Field),
            ],
        )
    },
    // A value that is the next word is that of a database.
    Command {
        is_apart: false,
        ..command(
            &[
                "mysql",
                "mysqldump",
                "mysqladmin",
                "mysqlimport",
                "mysqlcheck",
                "mysqlshow",
                "mariadb",
                "mariadb-dump",
                "mariadb-admin",
            ],
            &[(b'p', Take::Whole)],
        )
    },
    // `docker login`, `az login` and others.
    command(&["sshpass", "login"], &[(b'p', Take::Whole)]),
    command(
        &["mongo", "mongosh", "mongodump", "mongorestore"],
        &[(b'p', Take::Whole)],
    ),
    command(&["redis-cli"], &[(b'a', Take::Whole)]),
    command(
        &["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete"],
        &[(b'w', Take::Whole)],
    ),
    Command {
        before_colon: &["pass"],
        ..command(&["openssl"], &[])
    },
];

/// The command of this name.
pub(super) fn named(word: &[u8]) -> Option<&'static Command> {
    let is = |command: &&Command| command.names.iter().any(|name| name.as_bytes() == word);
    COMMANDS.iter().find(is)
}

/// What is the secret in the value of an option, behind this command.
pub(super) fn option(command: Option<&Command>, word: &[u8]) -> Option<Take> {
    let own = command.map_or(&[][..], |command| command.long);
    let mut all = EVERYWHERE.iter().chain(own);
    let (_, take) = all.find(|(name, _)| name.as_bytes() == word)?;
    Some(*take)
}

impl Command {
    /// Whether the word so far ends with one of its options of one letter.
    pub(super) fn short(&self, word: &[u8]) -> Option<Short> {
        let (last, flags) = word.strip_prefix(b"-")?.split_last()?;
        if !flags.iter().all(|flag| self.flags.contains(flag)) {
            return None;
        }
        let (_, take) = self.short.iter().find(|(letter, _)| letter == last)?;
        Some(Short {
            take: *take,
            is_apart: self.is_apart,
        })
    }

    /// Whether a secret follows this word and a colon.
    pub(super) fn has_before_colon(&self, word: &[u8]) -> bool {
        self.before_colon
            .iter()
            .any(|known| known.as_bytes() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_commands() {
        let short = |name: &[u8], word: &[u8]| named(name).and_then(|command| command.short(word));
        let found = |take, is_apart| Some(Short { take, is_apart });
        assert_eq!(short(b"curl", b"-u"), found(Take::Password, true));
        assert_eq!(short(b"curl", b"-sku"), found(Take::Password, true));
        assert_eq!(short(b"curl", b"-ou"), None);
        assert_eq!(short(b"curl", b"--u"), None);
        assert_eq!(short(b"curl", b"-"), None);
        assert_eq!(short(b"mysql", b"-p"), found(Take::Whole, false));
        assert_eq!(short(b"mysql", b"-up"), None);
        assert_eq!(short(b"ls", b"-p"), None);
        assert_eq!(option(None, b"--user"), None);
        assert_eq!(option(named(b"curl"), b"--user"), Some(Take::Password));
        assert_eq!(option(None, b"-H"), Some(Take::Field));
    }
}
