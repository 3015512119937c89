use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use casemate_model::Entropy;
use secrecy::{ExposeSecret, SecretString};

/// How many bytes a password has, everywhere. Nothing is ever cut off.
const PASSWORD_BYTES: RangeInclusive<usize> = 8..=256;

/// Memory of one hash in KiB, passes over it, and lanes: the first choice of OWASP's cheat sheet on password storage.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most that a stored hash may ask for. A database from elsewhere must not make a log-in take minutes.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 10;
const LANES_MAX: u32 = 8;
const BCRYPT_COST_MAX: u32 = 14;

/// What bcrypt looks at of a password. Longer ones are refused with its hashes, as all would do that begin alike.
const BCRYPT_BYTES_MAX: usize = 72;

/// A password that somebody typed: 8 to 256 bytes.
#[derive(Clone)]
pub struct Password(SecretString);

/// A password of the wrong length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password has {} to {} bytes", PASSWORD_BYTES.start(), PASSWORD_BYTES.end())]
pub struct PasswordError;

/// The stored form of a password, as text that begins with the method: `$argon2id$…`, or `$2b$…` of imported users.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Text that is no [`PasswordHash`], or one that would take too long to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of a password by Argon2id or bcrypt within the limits of this node")]
pub struct PasswordHashError;

/// What a check of a password came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is another password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, but its hash is weaker than those that are made today.
    RightButWeak,
}

impl Password {
    /// Takes what was typed.
    pub fn new(text: SecretString) -> Result<Self, PasswordError> {
        if PASSWORD_BYTES.contains(&text.expose_secret().len()) { Ok(Self(text)) } else { Err(PasswordError) }
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// Hashes it for storing. Takes tens of milliseconds and 19 MiB.
    pub fn hash(&self, entropy: &dyn Entropy) -> PasswordHash {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        hash(self.bytes(), &salt)
    }

    /// Checks it against `stored`, or against nobody's password, which takes as long and never fits. Takes tens of
    /// milliseconds.
    pub fn check(&self, stored: Option<&PasswordHash>) -> PasswordCheck {
        let Some(stored) = stored else {
            // Whatever comes of it: it took its time.
            self.check(Some(&NOBODYS));
            return PasswordCheck::Wrong;
        };
        if stored.is_bcrypt() {
            let short = self.bytes().len() <= BCRYPT_BYTES_MAX;
            let fits = bcrypt::verify(self.bytes(), &stored.0).unwrap_or(false);
            return if fits && short { PasswordCheck::RightButWeak } else { PasswordCheck::Wrong };
        }
        let Ok(parsed) = phc::PasswordHash::new(&stored.0) else {
            return PasswordCheck::Wrong;
        };
        if argon2().verify_password(self.bytes(), &parsed).is_err() {
            return PasswordCheck::Wrong;
        }
        match Params::try_from(&parsed) {
            Ok(params) if is_strong(&params) => PasswordCheck::Right,
            Ok(_) | Err(_) => PasswordCheck::RightButWeak,
        }
    }
}

/// The hash of a password that nobody has: whoever asks for an unknown user waits as long as for a known one.
static NOBODYS: LazyLock<PasswordHash> = LazyLock::new(|| hash(b"nobody's password", &[0; 16]));

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("within what Argon2 allows");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8], salt: &[u8; 16]) -> PasswordHash {
    let hash = argon2().hash_password_with_salt(password, salt);
    PasswordHash(hash.expect("lengths are within what Argon2 allows").to_string())
}

fn is_strong(params: &Params) -> bool {
    params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES
}

impl PasswordHash {
    /// Takes the stored form, or that of a user who is imported.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let hash = Self(text.to_owned());
        let holds =
            if hash.is_bcrypt() { hash.is_affordable_bcrypt() } else { hash.is_affordable_argon2id() };
        if holds { Ok(hash) } else { Err(PasswordHashError) }
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_bcrypt(&self) -> bool {
        ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|start| self.0.starts_with(start))
    }

    fn is_affordable_bcrypt(&self) -> bool {
        self.0.parse::<bcrypt::HashParts>().is_ok_and(|parts| parts.get_cost() <= BCRYPT_COST_MAX)
    }

    fn is_affordable_argon2id(&self) -> bool {
        let parsed = phc::PasswordHash::new(&self.0).ok();
        let parsed = parsed.filter(|parsed| parsed.algorithm.as_str() == "argon2id" && parsed.hash.is_some());
        parsed.and_then(|parsed| Params::try_from(&parsed).ok()).is_some_and(|params| {
            params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX && params.p_cost() <= LANES_MAX
        })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;

    use super::*;

    fn password(text: &str) -> Password {
        Password::new(SecretString::from(text.to_owned())).expect("a good length")
    }

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let entropy = CountingEntropy::default();
        let (stored, again) =
            (password("correct horse").hash(&entropy), password("correct horse").hash(&entropy));
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.as_str());
        assert_ne!(stored, again, "each has its own salt");
        assert_eq!(password("correct horse").check(Some(&stored)), PasswordCheck::Right);
        assert_eq!(password("correct horsf").check(Some(&stored)), PasswordCheck::Wrong);
        assert_eq!(password("nobody's password").check(None), PasswordCheck::Wrong);
        assert_eq!(PasswordHash::parse(stored.as_str()), Ok(stored));
    }

    #[test]
    fn the_length_rule_cuts_nothing_off() {
        let new = |length| Password::new(SecretString::from("a".repeat(length))).map(drop);
        assert_eq!(
            [new(7), new(8), new(256), new(257)],
            [Err(PasswordError), Ok(()), Ok(()), Err(PasswordError)]
        );
        let stored = password(&"a".repeat(256)).hash(&CountingEntropy::default());
        assert_eq!(password(&"a".repeat(255)).check(Some(&stored)), PasswordCheck::Wrong);
    }

    #[test]
    fn imported_hashes_fit_and_are_weak() {
        let imported =
            PasswordHash::parse(&bcrypt::hash("correct horse", 4).expect("a hash")).expect("bcrypt");
        assert_eq!(password("correct horse").check(Some(&imported)), PasswordCheck::RightButWeak);
        assert_eq!(password("correct horsf").check(Some(&imported)), PasswordCheck::Wrong);
        let long = "a".repeat(72);
        let imported = PasswordHash::parse(&bcrypt::hash(&long, 4).expect("a hash")).expect("bcrypt");
        assert_eq!(password(&long).check(Some(&imported)), PasswordCheck::RightButWeak);
        assert_eq!(
            password(&(long + "b")).check(Some(&imported)),
            PasswordCheck::Wrong,
            "bcrypt sees no more"
        );
    }

    #[test]
    fn hashes_that_cost_too_much_are_none() {
        let salted = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let argon2id =
            |costs: &str| PasswordHash::parse(&format!("$argon2id$v=19${costs}${salted}")).map(drop);
        assert_eq!(argon2id("m=19456,t=2,p=1"), Ok(()));
        for text in ["m=4194304,t=2,p=1", "m=19456,t=11,p=1", "m=19456,t=2,p=9", "m=1"] {
            assert_eq!(argon2id(text), Err(PasswordHashError), "{text}");
        }
        let costly = bcrypt::hash("x", 4).expect("a hash").replace("$04$", "$15$");
        for text in ["", "password", "$1$salt$hash", "$argon2i$v=19$m=19456,t=2,p=1$", costly.as_str()] {
            assert_eq!(PasswordHash::parse(text).map(drop), Err(PasswordHashError), "{text}");
        }
    }
}
