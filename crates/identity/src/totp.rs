use std::fmt;
use std::str::FromStr;

use casemate_model::{Entropy, Timestamp, UserId, UserName};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::Peppers;

/// How long a code is good, in milliseconds: what authenticator apps take when nothing else is said.
const STEP_MS: u64 = 30_000;

/// How many steps the clocks of phone and node may differ, either way.
const STEPS_AROUND: u64 = 1;

/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// What keeps the key of sealed secrets from being any other, and a sealed secret from passing for another's.
const PURPOSE: &str = "casemate/totp/v1";

/// In whose name authenticator apps list the codes.
const ISSUER: &str = "Casemate";

/// The secret that a user's authenticator app makes codes from (RFC 6238: HMAC-SHA-1, 30 seconds, six digits).
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// A code of six digits, as somebody typed it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TotpCode(u32);

/// Text that is no code of six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code has six digits")]
pub struct TotpCodeError;

impl TotpSecret {
    /// Makes a secret.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        entropy.fill(secret.as_mut_slice());
        Self(secret)
    }

    /// The secret as people type it into an app that cannot see the picture.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()))
    }

    /// What the picture says: everything that an app needs.
    pub fn to_uri(&self, user: &UserName) -> Zeroizing<String> {
        let secret = self.to_base32();
        let uri = format!(
            "otpauth://totp/{ISSUER}:{user}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30",
            secret.as_str()
        );
        Zeroizing::new(uri)
    }

    /// The step whose code this is, if it is one of those that are good at `now`. Whoever asks must still see that no code
    /// of this step or a later one was taken before. All steps are looked at, so that the answer takes the same time.
    pub fn step_of(&self, code: TotpCode, now: Timestamp) -> Option<u64> {
        let present = now.as_millis() / STEP_MS;
        let around = present.saturating_sub(STEPS_AROUND)..=present + STEPS_AROUND;
        around.fold(None, |found, step| if self.code_at(step) == code { Some(step) } else { found })
    }

    /// The code that an app shows at `now`.
    pub fn code_now(&self, now: Timestamp) -> TotpCode {
        self.code_at(now.as_millis() / STEP_MS)
    }

    fn code_at(&self, step: u64) -> TotpCode {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let start = usize::from(digest[19] & 0x0f);
        let word = [digest[start], digest[start + 1], digest[start + 2], digest[start + 3]];
        TotpCode((u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }

    /// Encrypts the secret for its user, with [`Peppers::encrypt`]: whoever has the database alone can make no codes.
    pub fn seal(&self, user: UserId, peppers: &Peppers, entropy: &dyn Entropy) -> Vec<u8> {
        peppers.encrypt(PURPOSE, user.to_string().as_bytes(), self.0.as_slice(), entropy)
    }

    /// Decrypts a sealed secret; `None` if it is not this user's, or its pepper is no longer known.
    pub fn open(sealed: &[u8], user: UserId, peppers: &Peppers) -> Option<Self> {
        let plain = peppers.decrypt(PURPOSE, user.to_string().as_bytes(), sealed)?;
        plain.as_slice().try_into().ok().map(|secret| Self(Zeroizing::new(secret)))
    }
}

impl FromStr for TotpCode {
    type Err = TotpCodeError;

    /// Reads six digits. Apps show them with a space in the middle, so spaces are passed over.
    fn from_str(text: &str) -> Result<Self, TotpCodeError> {
        let digits: String = text.chars().take(16).filter(|character| *character != ' ').collect();
        let fits = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fits { digits.parse().map(Self).map_err(|_| TotpCodeError) } else { Err(TotpCodeError) }
    }
}

impl fmt::Display for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(..)")
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;

    use super::*;
    use crate::Pepper;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).expect("a time")
    }

    fn peppers(byte: u8) -> Peppers {
        Peppers::new(Pepper::new(Zeroizing::new([byte; 32])))
    }

    /// Appendix B of RFC 6238, of whose eight digits the last six are those of a shorter code.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        let codes = [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000]
            .map(|seconds| secret.code_now(at(seconds)).to_string());
        assert_eq!(codes, ["287082", "081804", "050471", "005924", "279037", "353130"]);
    }

    #[test]
    fn a_code_is_good_one_step_either_side_and_no_further() {
        let secret = TotpSecret::generate(&CountingEntropy::default());
        let code = secret.code_now(at(3_000));
        let steps = [2_969, 2_970, 3_000, 3_029, 3_059, 3_060].map(|second| secret.step_of(code, at(second)));
        assert_eq!(steps, [None, Some(100), Some(100), Some(100), Some(100), None]);
        let other = TotpCode((code.0 + 1) % 1_000_000);
        assert_eq!(secret.step_of(other, at(3_000)), None);
    }

    #[test]
    fn a_sealed_secret_opens_for_its_user_and_pepper_alone() {
        let entropy = CountingEntropy::default();
        let (ada, eve) = (UserId::generate(at(1), &entropy), UserId::generate(at(2), &entropy));
        let secret = TotpSecret::generate(&entropy);
        let sealed = secret.seal(ada, &peppers(1), &entropy);
        let opened = TotpSecret::open(&sealed, ada, &peppers(1)).expect("it is ada's");
        assert_eq!(opened.to_base32(), secret.to_base32());
        assert!(TotpSecret::open(&sealed, eve, &peppers(1)).is_none(), "moved to another's row");
        assert!(TotpSecret::open(&sealed, ada, &peppers(2)).is_none());
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert!(TotpSecret::open(&changed, ada, &peppers(1)).is_none(), "byte {byte}");
        }
        assert_eq!(format!("{secret:?}"), "TotpSecret(..)");
    }

    #[test]
    fn codes_are_six_digits_and_nothing_else() {
        assert_eq!("012 345".parse::<TotpCode>().map(|code| code.to_string()), Ok("012345".to_owned()));
        for text in ["", "12345", "1234567", "12345a", "+12345", "１２３４５６", "-1"] {
            assert_eq!(text.parse::<TotpCode>(), Err(TotpCodeError), "{text}");
        }
    }

    #[test]
    fn the_picture_says_all_that_an_app_needs() {
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        let uri = "otpauth://totp/Casemate:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Casemate\
                   &algorithm=SHA1&digits=6&period=30";
        assert_eq!(secret.to_uri(&"ada".parse().expect("a name")).as_str(), uri);
    }
}
