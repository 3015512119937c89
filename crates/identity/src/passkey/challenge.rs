use std::time::Duration;

use casemate_model::{Entropy, Timestamp, UserId};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::PasskeyError;
use crate::{Peppers, SecretMac};

/// How long a challenge is good.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Nonce, end, version of the pepper, keyed hash.
const CHALLENGE_BYTES: usize = 16 + 8 + 4 + 32;

/// What keeps the hash of a challenge from passing for any other.
const DOMAIN: &str = "casemate/passkey-challenge/v1";

/// What a challenge is for; it is good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    SignIn,
    Register(UserId),
}

/// A challenge that was answered, for the store to see that it is answered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeUse {
    /// Its nonce, in hexadecimal.
    pub nonce: String,
    /// From when on nobody can answer it any more, so that it need not be remembered.
    pub expires: Timestamp,
}

/// Makes a challenge, for a new passkey of `user` or to sign in. Nothing is stored until it is answered, so that asking for
/// many costs nobody anything, and any node with the same pepper knows it.
pub fn issue_challenge(
    user: Option<UserId>,
    peppers: &Peppers,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> String {
    let purpose = user.map_or(Purpose::SignIn, Purpose::Register);
    let mut nonce = [0; 16];
    entropy.fill(&mut nonce);
    let expires = now.saturating_add(CHALLENGE_LIFETIME);
    let sealed = peppers.seal(DOMAIN, &purpose.text(), &claim(nonce, expires));
    let mut bytes = nonce.to_vec();
    bytes.extend_from_slice(&expires.as_millis().to_be_bytes());
    bytes.extend_from_slice(&sealed.pepper.to_be_bytes());
    bytes.extend_from_slice(&sealed.mac);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Checks that a challenge is ours, for `purpose`, and not over. The store must still see that it is answered once.
pub(super) fn open(
    bytes: &[u8],
    purpose: Purpose,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<ChallengeUse, PasskeyError> {
    let parts = (bytes.len() == CHALLENGE_BYTES).then(|| split(bytes)).flatten();
    let (nonce, expires, sealed) = parts.ok_or(PasskeyError::Challenge)?;
    let ours = peppers.opens(&sealed, DOMAIN, &purpose.text(), &claim(nonce, expires));
    if !ours || expires <= now {
        return Err(PasskeyError::Challenge);
    }
    Ok(ChallengeUse { nonce: HEXLOWER.encode(&nonce), expires })
}

fn split(bytes: &[u8]) -> Option<([u8; 16], Timestamp, SecretMac)> {
    let (nonce, rest) = bytes.split_first_chunk::<16>()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (pepper, rest) = rest.split_first_chunk::<4>()?;
    let expires = Timestamp::from_millis(u64::from_be_bytes(*expires)).ok()?;
    let sealed = SecretMac { pepper: u32::from_be_bytes(*pepper), mac: rest.try_into().ok()? };
    Some((*nonce, expires, sealed))
}

fn claim(nonce: [u8; 16], expires: Timestamp) -> [u8; 32] {
    let mut claim = [0; 32];
    claim[..16].copy_from_slice(&nonce);
    claim[16..24].copy_from_slice(&expires.as_millis().to_be_bytes());
    claim
}

impl Purpose {
    fn text(self) -> String {
        match self {
            Self::SignIn => "sign in".to_owned(),
            Self::Register(user) => format!("register {user}"),
        }
    }
}
