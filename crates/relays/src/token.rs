use casemate_model::{Digest, NodeId, RelayId};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a token begins with, so that scanners find it.
const PREFIX: &str = "casemate_rly_";

/// The token that opens a session at its node: it follows from a key of the server, the node and the session, so another node
/// has another one, and it is stored nowhere.
pub fn relay_token(key: &[u8; 32], node: NodeId, session: RelayId) -> SecretString {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    // The ids are of one length each, so no two pairs are the same text.
    mac.update(format!("casemate relay {node} {session}").as_bytes());
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    SecretString::from(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(secret.as_slice())))
}

/// What a node knows of a token: enough to recognise it, and nothing that opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDigest(Digest);

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(Digest::of(token.as_bytes()))
    }

    /// Takes the digest that a server has told.
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest, to be told a node.
    pub const fn digest(&self) -> Digest {
        self.0
    }

    /// Whether it is of this token. It takes as long for any.
    pub fn fits(&self, token: &str) -> bool {
        Digest::of(token.as_bytes()).as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::Timestamp;
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_of_one_node_and_one_session() {
        let entropy = CountingEntropy::default();
        let node = || NodeId::generate(Timestamp::EPOCH, &entropy);
        let session = || RelayId::generate(Timestamp::EPOCH, &entropy);
        let (one, other, first, second) = (node(), node(), session(), session());
        let token =
            |key: u8, node, session| relay_token(&[key; 32], node, session).expose_secret().to_owned();
        let own = token(1, one, first);
        assert_eq!(own, token(1, one, first));
        assert_eq!(own.len(), PREFIX.len() + 43);
        for different in [token(2, one, first), token(1, other, first), token(1, one, second)] {
            assert_ne!(own, different);
            assert!(!TokenDigest::of(&own).fits(&different));
        }
        assert!(TokenDigest::of(&own).fits(&own));
    }
}
