use aws_lc_rs::digest::{SHA256, digest};

use super::{CredentialId, PasskeyError, PasskeyKey, RelyingParty};

/// Most bytes that are looked at: an id of full length, the largest key, and room for what is not looked at.
const BYTES_MAX: usize = 4_096;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const CREDENTIAL_INCLUDED: u8 = 0x40;
const EXTENSIONS_INCLUDED: u8 = 0x80;

/// What an authenticator says, in its fixed order: hash of the relying party's id (32 bytes), flags (1), counter (4), then a
/// new credential (model of the authenticator (16), length of the id (2), id, key), then extensions.
pub(super) struct AuthenticatorData {
    party: [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    pub(super) credential: Option<(CredentialId, PasskeyKey)>,
}

impl AuthenticatorData {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let broken = PasskeyError::AuthenticatorData;
        if bytes.len() > BYTES_MAX {
            return Err(broken);
        }
        let (party, rest) = bytes.split_first_chunk::<32>().ok_or(broken)?;
        let (flags, rest) = rest.split_first().ok_or(broken)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(broken)?;
        let (credential, rest) = if flags & CREDENTIAL_INCLUDED == 0 {
            (None, rest)
        } else {
            let (credential, rest) = credential(rest)?;
            (Some(credential), rest)
        };
        // None were asked for; what some authenticators say by themselves decides nothing.
        let extensions = flags & EXTENSIONS_INCLUDED != 0;
        if extensions == rest.is_empty() {
            return Err(broken);
        }
        let sign_count = u32::from_be_bytes(*count);
        Ok(Self { party: *party, flags: *flags, sign_count, credential })
    }

    /// Whether it is for this relying party, and the authenticator has verified its user.
    pub(super) fn check(&self, party: &RelyingParty) -> Result<(), PasskeyError> {
        if digest(&SHA256, party.id().as_bytes()).as_ref() != self.party {
            return Err(PasskeyError::RelyingParty);
        }
        if self.flags & USER_PRESENT == 0 || self.flags & USER_VERIFIED == 0 {
            return Err(PasskeyError::NotVerified);
        }
        // What is backed up must be allowed to be.
        if self.flags & BACKED_UP != 0 && self.flags & BACKUP_ELIGIBLE == 0 {
            return Err(PasskeyError::AuthenticatorData);
        }
        Ok(())
    }
}

fn credential(bytes: &[u8]) -> Result<((CredentialId, PasskeyKey), &[u8]), PasskeyError> {
    let broken = PasskeyError::AuthenticatorData;
    let (_model, rest) = bytes.split_first_chunk::<16>().ok_or(broken)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(broken)?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(broken)?;
    let id = CredentialId::new(id.to_vec()).map_err(|_| broken)?;
    let (key, rest) = PasskeyKey::parse_start(rest)?;
    Ok(((id, key), rest))
}
