use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use casemate_model::Entropy;
use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::Rejected;

/// What a token is for. It is part of the token's text and of its stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An API key: `casemate_key_…`.
    Key,
    /// A console session: `casemate_ses_…`.
    Session,
    /// A one-time login link: `casemate_lnk_…`.
    LoginLink,
    /// An invitation to become a user: `casemate_inv_…`.
    Invitation,
    /// What a session is refreshed by: `casemate_rft_…`.
    Refresh,
    /// What a node joins by: `casemate_jtk_…`.
    Join,
}

/// A presented token: an id that may be looked up, and a secret that must then fit.
///
/// Text form: `casemate_<kind>_<26 characters of id>_<52 of secret>_<8 of checksum>`, all of a-z and 0-9. The
/// checksum (CRC-32) lets scanners recognise leaked tokens, and refuses typing errors without a look-up; it keeps no
/// secret.
#[derive(Clone)]
pub struct Token {
    /// The id part, without a prefix.
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

const ID_LENGTH: usize = 26;
const SECRET_LENGTH: usize = 52;

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Key => "casemate_key_",
            Self::Session => "casemate_ses_",
            Self::LoginLink => "casemate_lnk_",
            Self::Invitation => "casemate_inv_",
            Self::Refresh => "casemate_rft_",
            Self::Join => "casemate_jtk_",
        }
    }

    /// What keeps hashes of one kind of token from passing for another.
    pub(crate) const fn domain(self) -> &'static str {
        match self {
            Self::Key => "casemate/key/v1",
            Self::Session => "casemate/session/v1",
            Self::LoginLink => "casemate/login-link/v1",
            Self::Invitation => "casemate/invitation/v1",
            Self::Refresh => "casemate/refresh/v1",
            Self::Join => "casemate/join/v1",
        }
    }
}

impl Token {
    /// Makes a token with a fresh secret for a thing whose id, without its prefix, is `id`.
    pub(crate) fn generate(id: &str, entropy: &dyn Entropy) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(secret.as_mut_slice());
        Self { id: id.to_owned(), secret }
    }

    /// A token with a secret that is known.
    pub(crate) fn with_secret(id: &str, secret: Zeroizing<[u8; 32]>) -> Self {
        Self { id: id.to_owned(), secret }
    }

    /// Reads a token of `kind`. Whatever is wrong with it, the answer is the same.
    pub(crate) fn parse(text: &str, kind: TokenKind) -> Result<Self, Rejected> {
        let body = text.strip_prefix(kind.prefix()).ok_or(Rejected)?;
        let fits = body.len() == ID_LENGTH + SECRET_LENGTH + 8 + 2 && body.is_ascii();
        if !fits {
            return Err(Rejected);
        }
        let mut parts = body.split('_');
        let (Some(id), Some(secret), Some(checksum), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejected);
        };
        let well_formed = id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH;
        if !well_formed || checksum != self::checksum(kind, id, secret) {
            return Err(Rejected);
        }
        let decoded = Zeroizing::new(SECRET_ENCODING.decode(secret.as_bytes()).map_err(|_| Rejected)?);
        let secret = <[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| Rejected)?;
        Ok(Self { id: id.to_owned(), secret: Zeroizing::new(secret) })
    }

    /// The token's text. It is shown to its owner once and never stored.
    pub(crate) fn to_text(&self, kind: TokenKind) -> SecretString {
        let secret = Zeroizing::new(SECRET_ENCODING.encode(self.secret.as_slice()));
        let checksum = checksum(kind, &self.id, &secret);
        SecretString::from(format!("{}{}_{}_{checksum}", kind.prefix(), self.id, secret.as_str()))
    }

    /// The id that the token claims to be of, under `prefix`; it proves nothing.
    pub(crate) fn claimed_id<T: FromStr>(&self, prefix: &str) -> Result<T, Rejected> {
        format!("{prefix}_{}", self.id).parse().map_err(|_| Rejected)
    }

    /// The id part, without a prefix.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token {{ id: {}, .. }}", self.id)
    }
}

fn checksum(kind: TokenKind, id: &str, secret: &str) -> String {
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind.prefix().as_bytes());
    crc.update(id.as_bytes());
    crc.update(b"_");
    crc.update(secret.as_bytes());
    format!("{:08x}", crc.finalize())
}

/// RFC 4648 base 32 in lower case without padding. It refuses non-zero trailing bits, so a secret has one spelling.
static SECRET_ENCODING: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification: Specification = BASE32_NOPAD.specification();
    specification.symbols.make_ascii_lowercase();
    specification.encoding().expect("the standard alphabet in lower case is an alphabet")
});

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    const ID: &str = "01kg9ys7kv040g2081040g2081";

    fn text() -> String {
        Token::generate(ID, &CountingEntropy::default()).to_text(TokenKind::Key).expose_secret().to_owned()
    }

    #[test]
    fn text_round_trips() {
        let token = Token::parse(&text(), TokenKind::Key).expect("just made");
        assert_eq!(token.to_text(TokenKind::Key).expose_secret(), text());
        assert_eq!(text().len(), 13 + 26 + 1 + 52 + 1 + 8);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        for position in 0..text().len() {
            let mut bytes = text().into_bytes();
            bytes[position] = if bytes[position] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).expect("still text");
            assert_eq!(Token::parse(&changed, TokenKind::Key).err(), Some(Rejected), "{position}");
        }
    }

    #[test]
    fn one_kind_does_not_pass_for_another() {
        assert_eq!(Token::parse(&text(), TokenKind::Session).err(), Some(Rejected));
        for text in ["", "casemate_key_", "casemate_key____", &"_".repeat(101), &"ä".repeat(60)] {
            assert_eq!(Token::parse(text, TokenKind::Key).err(), Some(Rejected), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let token = Token::generate(ID, &CountingEntropy::default());
        assert_eq!(format!("{token:?}"), format!("Token {{ id: {ID}, .. }}"));
    }
}
