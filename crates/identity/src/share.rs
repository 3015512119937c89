use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp, VersionId};
use data_encoding::BASE64URL_NOPAD;
use secrecy::SecretString;

use crate::{Authenticator, Maker, Peppers, Rejected, SecretMac};

/// One version of an object that whoever holds a link may read, until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedObject {
    /// The project.
    pub project: Project,
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The version; `None` is the null version.
    pub version: Option<VersionId>,
    /// The content that was shared: what has come to the same place since was not.
    pub digest: Digest,
    /// From when on the link is refused.
    pub expires: Timestamp,
    /// In whose name it was made; the link ends with what that may do.
    pub maker: Maker,
}

/// How links begin, so that scanners recognise leaked ones.
const PREFIX: &str = "casemate_shr_";

/// What keeps the hash of a link from passing for that of a key or session.
const DOMAIN: &str = "casemate/share/v1";

/// Longer text is no link: a key has at most 1024 bytes, and the rest is short.
const TEXT_BYTES_MAX: usize = 4 << 10;

const PEPPER_BYTES: usize = 4;
const MAC_BYTES: usize = 32;

impl Authenticator {
    /// The token of a link. Nothing of it is stored: whoever has the pepper can make it again.
    pub fn sign_share(&self, shared: &SharedObject) -> SecretString {
        SecretString::from(sign(self.peppers(), shared))
    }

    /// What a token opens at the time `now`. Whatever is wrong with it, the answer is the same. Whoever calls this must
    /// still see that the maker may share, and that the content is there.
    pub fn open_share(&self, text: &str, now: Timestamp) -> Result<SharedObject, Rejected> {
        open(self.peppers(), text).filter(|shared| now < shared.expires).ok_or(Rejected)
    }
}

fn sign(peppers: &Peppers, shared: &SharedObject) -> String {
    let said = said(shared);
    let sealed = peppers.seal(DOMAIN, "", Digest::of(said.as_bytes()).as_bytes());
    let bytes = [&sealed.pepper.to_be_bytes(), sealed.mac.as_slice(), said.as_bytes()].concat();
    format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
}

fn open(peppers: &Peppers, text: &str) -> Option<SharedObject> {
    let text = text.strip_prefix(PREFIX).filter(|text| text.len() <= TEXT_BYTES_MAX)?;
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (pepper, rest) = bytes.split_first_chunk::<PEPPER_BYTES>()?;
    let (mac, said) = rest.split_first_chunk::<MAC_BYTES>()?;
    let sealed = SecretMac { pepper: u32::from_be_bytes(*pepper), mac: *mac };
    // Nothing of it is believed, nor even read, before it is known to be ours.
    if !peppers.opens(&sealed, DOMAIN, "", Digest::of(said).as_bytes()) {
        return None;
    }
    read(std::str::from_utf8(said).ok()?)
}

/// Lines, the object's key last; no part can hold a control character, so no two shares say the same.
fn said(shared: &SharedObject) -> String {
    let SharedObject { project, bucket, key, version, digest, expires, maker } = shared;
    let version = version.map_or_else(|| "null".to_owned(), |version| version.to_string());
    format!("{}\n{maker}\n{project}\n{bucket}\n{version}\n{digest}\n{key}", expires.as_millis())
}

fn read(said: &str) -> Option<SharedObject> {
    let mut parts = said.splitn(7, '\n');
    let expires = Timestamp::from_millis(parts.next()?.parse().ok()?).ok()?;
    let maker = parts.next()?.parse().ok()?;
    let (project, bucket) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let version = match parts.next()? {
        "null" => None,
        id => Some(id.parse().ok()?),
    };
    let (digest, key) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(SharedObject { project, bucket, key, version, digest, expires, maker })
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use casemate_model::{KeyId, UserId};
    use zeroize::Zeroizing;

    use super::*;
    use crate::Pepper;

    fn peppers(byte: u8) -> Peppers {
        Peppers::new(Pepper::new(Zeroizing::new([byte; 32])))
    }

    fn shared() -> SharedObject {
        let (now, entropy) = (Timestamp::EPOCH, CountingEntropy::default());
        SharedObject {
            project: Project::default_project(),
            bucket: "builds".parse().unwrap(),
            key: "a/größe.txt".parse().unwrap(),
            version: Some(VersionId::generate(now, &entropy)),
            digest: Digest::of(b"content"),
            expires: Timestamp::from_millis(1_000).unwrap(),
            maker: Maker::Key(KeyId::generate(now, &entropy)),
        }
    }

    #[test]
    fn a_link_opens_what_it_was_made_for() {
        let user = Maker::User(UserId::generate(Timestamp::EPOCH, &CountingEntropy::default()));
        let by = |maker| SharedObject { version: None, maker, ..shared() };
        for shared in [shared(), by(Maker::Operator), by(user)] {
            assert_eq!(open(&peppers(1), &sign(&peppers(1), &shared)), Some(shared));
        }
    }

    #[test]
    fn every_changed_byte_and_every_other_pepper_is_refused() {
        let text = sign(&peppers(1), &shared());
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(open(&peppers(1), &changed), None, "{position}");
        }
        assert_eq!(open(&peppers(2), &text), None);
        for text in [
            "",
            PREFIX,
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("{PREFIX}{}", "A".repeat(5_000)),
        ] {
            assert_eq!(open(&peppers(1), text), None, "{text}");
        }
    }

    #[test]
    fn the_signature_of_one_link_opens_no_other() {
        let one = BASE64URL_NOPAD.decode(&sign(&peppers(1), &shared()).as_bytes()[PREFIX.len()..]).unwrap();
        let others = [
            SharedObject { key: "a/other".parse().unwrap(), ..shared() },
            SharedObject { expires: Timestamp::MAX, ..shared() },
            SharedObject { project: "other".parse().unwrap(), ..shared() },
            SharedObject { maker: Maker::Operator, ..shared() },
            SharedObject { version: None, ..shared() },
        ];
        for other in others {
            let forged = [&one[..PEPPER_BYTES + MAC_BYTES], said(&other).as_bytes()].concat();
            assert_eq!(open(&peppers(1), &format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&forged))), None);
        }
    }

    #[test]
    fn a_hash_made_for_something_else_is_no_signature() {
        let said = said(&shared());
        for domain in ["casemate/key/v1", "casemate/session/v1", "casemate/s3/v1"] {
            let sealed = peppers(1).seal(domain, "", Digest::of(said.as_bytes()).as_bytes());
            let bytes = [&sealed.pepper.to_be_bytes(), sealed.mac.as_slice(), said.as_bytes()].concat();
            assert_eq!(
                open(&peppers(1), &format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))),
                None,
                "{domain}"
            );
        }
    }
}
