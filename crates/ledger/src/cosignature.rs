//! Cosignatures of checkpoints, as C2SP tlog-cosignature lays them out: witnesses say when they saw that a log had grown and not changed.

use std::fmt;
use std::str::FromStr;

use casemate_model::{Digest, Timestamp};
use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::text::{escape, is_plain};
use crate::{BadSignature, Checkpoint};

/// A witness's Ed25519 key.
pub struct WitnessKey {
    signing: SigningKey,
    public: WitnessPublicKey,
}

/// The public half of a [`WitnessKey`] with the witness's name. Text form: the C2SP signed-note verifier key of type 4,
/// `<name>+<8 hex digits>+<base64>`.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessPublicKey {
    name: String,
    key: VerifyingKey,
}

/// Text that is no [`WitnessPublicKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a witness's public key: expected `<name>+<8 hex digits>+<base64>`")]
pub struct WitnessKeyError(String);

/// That a witness saw a checkpoint, and when. Reading one checks no signature: [`WitnessPublicKey::verify`] does.
#[derive(Clone, PartialEq, Eq)]
pub struct Cosignature {
    name: String,
    key_id: [u8; 4],
    /// Seconds since 1970.
    time: u64,
    signature: [u8; 64],
}

/// Most bytes of a witness's name.
const NAME_BYTES_MAX: usize = 128;

/// What a line of a signed note begins with.
const DASH: &str = "— ";

/// The type of keys that cosign (C2SP signed-note).
const ALGORITHM_COSIGNATURE: u8 = 4;

impl WitnessKey {
    /// Rebuilds the key from its stored seed; `None` if the name is none.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Option<Self> {
        let signing = SigningKey::from_bytes(seed);
        let key = signing.verifying_key();
        is_name(name).then(|| Self { signing, public: WitnessPublicKey { name: name.to_owned(), key } })
    }

    /// The public half.
    pub fn public_key(&self) -> &WitnessPublicKey {
        &self.public
    }

    /// Says that the checkpoint was seen. Whether its log has only grown is for the caller to have looked at.
    pub fn cosign(&self, checkpoint: &Checkpoint, now: Timestamp) -> Cosignature {
        let time = now.as_millis() / 1_000;
        let signature = self.signing.sign(message(time, checkpoint).as_bytes()).to_bytes();
        Cosignature { name: self.public.name.clone(), key_id: self.public.id(), time, signature }
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl WitnessPublicKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness saw the checkpoint, if it did and says so in it.
    pub fn witnessed(&self, checkpoint: &Checkpoint) -> Option<Timestamp> {
        checkpoint.cosignatures().iter().find_map(|cosignature| self.verify(checkpoint, cosignature).ok())
    }

    /// Checks a cosignature, and says when it was made.
    pub fn verify(&self, checkpoint: &Checkpoint, by: &Cosignature) -> Result<Timestamp, BadSignature> {
        if by.name != self.name || by.key_id != self.id() {
            return Err(BadSignature);
        }
        let signature = Signature::from_bytes(&by.signature);
        let message = message(by.time, checkpoint);
        self.key.verify_strict(message.as_bytes(), &signature).map_err(|_| BadSignature)?;
        by.time.checked_mul(1_000).and_then(|time| Timestamp::from_millis(time).ok()).ok_or(BadSignature)
    }

    fn id(&self) -> [u8; 4] {
        let mut named = format!("{}\n", self.name).into_bytes();
        named.extend(self.typed());
        let [a, b, c, d, ..] = *Digest::of(&named).as_bytes();
        [a, b, c, d]
    }

    fn typed(&self) -> Vec<u8> {
        [&[ALGORITHM_COSIGNATURE], self.key.as_bytes().as_slice()].concat()
    }
}

impl fmt::Display for WitnessPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&self.typed()))
    }
}

impl fmt::Debug for WitnessPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WitnessPublicKey {
    type Err = WitnessKeyError;

    fn from_str(text: &str) -> Result<Self, WitnessKeyError> {
        let parse = || {
            let mut parts = text.splitn(3, '+');
            let (name, id, typed) = (parts.next()?, parts.next()?, parts.next()?);
            let typed = BASE64.decode(typed.as_bytes()).ok()?;
            let (&ALGORITHM_COSIGNATURE, key) = typed.split_first()? else { return None };
            let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok().filter(|key| !key.is_weak())?;
            let parsed = Self { name: name.to_owned(), key };
            (is_name(name) && HEXLOWER.encode(&parsed.id()) == id).then_some(parsed)
        };
        parse().ok_or_else(|| WitnessKeyError(escape(text, 160)))
    }
}

impl Cosignature {
    /// Most bytes of a line.
    pub const BYTES_MAX: usize = 4 + NAME_BYTES_MAX + 1 + 104 + 1;

    /// Reads a signature line of a note, without its line break.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
        let (key_id, rest) = bytes.split_first_chunk()?;
        let (time, signature) = rest.split_first_chunk()?;
        let signature = signature.try_into().ok()?;
        let time = u64::from_be_bytes(*time);
        is_name(name).then(|| Self { name: name.to_owned(), key_id: *key_id, time, signature })
    }

    /// The name of the witness that it says it is by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Cosignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.as_slice(), &self.time.to_be_bytes(), &self.signature].concat();
        write!(f, "{DASH}{} {}", self.name, BASE64.encode(&bytes))
    }
}

impl fmt::Debug for Cosignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is signed.
fn message(time: u64, checkpoint: &Checkpoint) -> String {
    format!("cosignature/v1\ntime {time}\n{}", checkpoint.body())
}

fn is_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    fits && name.chars().all(|char| is_plain(char) && !char.is_whitespace() && char != '+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeKey;

    /// A checkpoint of the log's key of tests, and a witness.
    fn samples() -> (Checkpoint, WitnessKey) {
        let log = NodeKey::from_seed(&[7; 32]);
        let checkpoint = Checkpoint::sign(17, crate::TreeHash::of_leaf(b"entry"), &log);
        (checkpoint, WitnessKey::from_seed("witness.example/one", &[9; 32]).unwrap())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).unwrap()
    }

    #[test]
    fn a_witness_is_found_in_the_checkpoint_it_saw() {
        let (checkpoint, witness) = samples();
        let cosigned = checkpoint.with_cosignatures(vec![witness.cosign(&checkpoint, at(1_769_860_800))]);
        let log = NodeKey::from_seed(&[7; 32]);
        let read = Checkpoint::open(cosigned.as_str(), log.public_key()).unwrap();
        assert_eq!(read, cosigned);
        assert_eq!(witness.public_key().witnessed(&read), Some(at(1_769_860_800)));
        let other = WitnessKey::from_seed("witness.example/one", &[10; 32]).unwrap();
        assert_eq!(other.public_key().witnessed(&read), None);
        assert_eq!(witness.public_key().witnessed(&checkpoint), None);
        // It is about that checkpoint and no other.
        let longer = Checkpoint::sign(18, checkpoint.root(), &log);
        let moved = longer.with_cosignatures(read.cosignatures().to_vec());
        assert_eq!(witness.public_key().witnessed(&moved), None);
    }

    #[test]
    fn every_changed_byte_of_a_cosignature_counts() {
        let (checkpoint, witness) = samples();
        let line = witness.cosign(&checkpoint, at(1_769_860_800)).to_string();
        for index in 0..line.len() {
            let mut bytes = line.as_bytes().to_vec();
            bytes[index] ^= 1;
            let changed = String::from_utf8(bytes).ok().and_then(|line| Cosignature::parse(&line));
            if let Some(changed) = changed {
                assert_eq!(witness.public_key().verify(&checkpoint, &changed), Err(BadSignature), "{index}");
            }
        }
    }

    #[test]
    fn keys_have_one_spelling() {
        let (_, witness) = samples();
        let text = witness.public_key().to_string();
        assert_eq!(text.parse(), Ok(witness.public_key().clone()));
        for bad in ["", "a+b+c", &text.replacen('+', "x+", 1), &text[..text.len() - 1], "a b+00000000+BA=="] {
            bad.parse::<WitnessPublicKey>().expect_err(bad);
        }
        assert!(WitnessKey::from_seed("two words", &[9; 32]).is_none());
    }
}
