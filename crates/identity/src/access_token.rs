use std::sync::{Arc, Mutex};
use std::time::Duration;

use casemate_model::{Entropy, SessionId, Timestamp, UserId};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Pepper, Peppers, Rejected};

/// How long an access token is good for.
const ACCESS_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long a key signs. Tokens of the key before are still good, and the key after is served already, so that a change
/// interrupts nobody and nodes need not agree on the moment.
const KEY_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How far the clocks of nodes may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// Longer text is no token of ours.
const TEXT_BYTES_MAX: usize = 1024;

/// Which of the good keys signs.
const CURRENT: usize = 1;

/// For whom tokens are: only nodes believe them.
const AUDIENCE: &str = "casemate";

/// The media type of access tokens (RFC 9068), which keeps other tokens from passing for one.
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// The user.
    pub user: UserId,
    /// The session that it belongs to, and ends with.
    pub session: SessionId,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// Makes access tokens and checks them: JWTs signed with Ed25519, by keys that follow from the pepper and the time. Nodes
/// with the same peppers and issuer believe each other's.
pub struct AccessTokens {
    peppers: Peppers,
    issuer: String,
    /// The keys of the period in which they were asked for last.
    ring: Mutex<Option<(u64, Arc<[SigningKey]>)>>,
}

/// A public key as served at `/.well-known/jwks.json` (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTokenKey {
    /// Its name in the headers of tokens.
    pub id: String,
    /// The 32 bytes of the key in base64url.
    pub x: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    jti: String,
    iat: u64,
    exp: u64,
}

struct SigningKey {
    id: String,
    public: [u8; 32],
    seed: Zeroizing<[u8; 32]>,
}

impl AccessTokens {
    /// Signs in the name of `issuer`.
    pub fn new(peppers: Peppers, issuer: String) -> Self {
        Self { peppers, issuer, ring: Mutex::default() }
    }

    /// Makes a token for a session of `user`.
    pub fn issue(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> (SecretString, Timestamp) {
        let expires = now.saturating_add(ACCESS_LIFETIME);
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            sid: session.to_string(),
            jti: BASE64URL_NOPAD.encode(&id),
            iat: now.as_millis() / 1_000,
            exp: expires.as_millis() / 1_000,
        };
        let keys = self.good_keys(now);
        let key = &keys[CURRENT];
        let encoding = EncodingKey::from_ed_der(pkcs8_of_seed(&key.seed).as_slice());
        let token = encode(&header(&key.id), &claims, &encoding).expect("a key of ours signs plain claims");
        (SecretString::from(token), expires)
    }

    /// What a token says, if it is ours and good at the time `now`. Whoever calls this must still see that the session is
    /// live. Whatever is wrong with it, the answer is the same.
    pub fn open(&self, text: &str, now: Timestamp) -> Result<AccessClaims, Rejected> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Rejected);
        }
        let found = decode_header(text).map_err(|_| Rejected)?;
        let keys = self.good_keys(now);
        let key = keys.iter().find(|key| Some(&key.id) == found.kid.as_ref()).ok_or(Rejected)?;
        // One header is right: whatever else it says, such as where to find a key, is a try to be believed.
        if found != header(&key.id) {
            return Err(Rejected);
        }
        let public = DecodingKey::from_ed_der(&key.public);
        let token = decode::<Claims>(text, &public, &self.validation()).map_err(|_| Rejected)?;
        self.read(&token.claims, now)
    }

    /// The keys by which tokens are checked now, the newest first.
    pub fn public_keys(&self, now: Timestamp) -> Vec<PublicTokenKey> {
        let public = |key: &SigningKey| {
            let x = BASE64URL_NOPAD.encode(&key.public);
            PublicTokenKey { id: key.id.clone(), x }
        };
        self.good_keys(now).iter().map(public).collect()
    }

    /// Whether text may be an access token, rather than a key.
    pub fn looks_like_one(text: &str) -> bool {
        text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// The next key, the current one, the one before; then those under other peppers, while they are known.
    fn good_keys(&self, now: Timestamp) -> Arc<[SigningKey]> {
        let period = period_of(now);
        let mut ring = self.ring.lock().expect("nothing panics while it holds the lock");
        if let Some((of, keys)) = &*ring
            && *of == period
        {
            return Arc::clone(keys);
        }
        let periods = [period + 1, period, period.saturating_sub(1)];
        let of_pepper = |pepper| periods.into_iter().map(move |period| SigningKey::new(pepper, period));
        let keys: Arc<[SigningKey]> = self.peppers.sealing_first().flat_map(of_pepper).collect();
        *ring = Some((period, Arc::clone(&keys)));
        keys
    }

    /// Times are compared with the clock that was passed in, below.
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }

    fn read(&self, claims: &Claims, now: Timestamp) -> Result<AccessClaims, Rejected> {
        let time = |seconds: u64| {
            let millis = seconds.checked_mul(1_000).ok_or(Rejected)?;
            Timestamp::from_millis(millis).map_err(|_| Rejected)
        };
        let (issued, expires) = (time(claims.iat)?, time(claims.exp)?);
        let lifetime_holds = expires.saturating_since(issued) <= ACCESS_LIFETIME;
        if now >= expires || issued > now.saturating_add(CLOCK_SKEW) || !lifetime_holds {
            return Err(Rejected);
        }
        Ok(AccessClaims {
            user: claims.sub.parse().map_err(|_| Rejected)?,
            session: claims.sid.parse().map_err(|_| Rejected)?,
            expires,
        })
    }
}

impl SigningKey {
    fn new(pepper: &Pepper, period: u64) -> Self {
        let seed = pepper.key_for(&format!("access tokens of period {period}"));
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        Self { id: HEXLOWER.encode(&Sha256::digest(public)[..8]), public, seed }
    }
}

/// An Ed25519 private key in PKCS #8 (RFC 8410): a fixed frame around the seed.
pub(crate) fn pkcs8_of_seed(seed: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    const FRAME: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    Zeroizing::new([FRAME.as_slice(), seed.as_slice()].concat())
}

fn header(key: &str) -> Header {
    Header { typ: Some(TYPE.to_owned()), kid: Some(key.to_owned()), ..Header::new(Algorithm::EdDSA) }
}

fn period_of(now: Timestamp) -> u64 {
    now.as_millis() / u64::try_from(KEY_PERIOD.as_millis()).expect("a week")
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    fn peppers(byte: u8) -> Peppers {
        Peppers::new(Pepper::new(Zeroizing::new([byte; 32])))
    }

    fn tokens(byte: u8, issuer: &str) -> AccessTokens {
        AccessTokens::new(peppers(byte), issuer.to_owned())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000).expect("in range")
    }

    fn issued(tokens: &AccessTokens) -> (String, AccessClaims) {
        let entropy = CountingEntropy::default();
        let (user, session) = (UserId::generate(at(0), &entropy), SessionId::generate(at(0), &entropy));
        let (text, expires) = tokens.issue(user, session, at(0), &entropy);
        (text.expose_secret().to_owned(), AccessClaims { user, session, expires })
    }

    /// A token with other parts, signed with the right key all the same.
    fn forged(tokens: &AccessTokens, header: &str, claims: &str) -> String {
        use ed25519_dalek::Signer;
        let key = &tokens.good_keys(at(0))[CURRENT];
        let header = header.replace("KID", &key.id);
        let signed = [header.as_str(), claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
        let signature = ed25519_dalek::SigningKey::from_bytes(&key.seed).sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }

    #[test]
    fn a_token_is_good_for_ten_minutes_here_and_on_nodes_with_the_same_pepper() {
        let here = tokens(1, "casemate");
        let (text, claims) = issued(&here);
        assert!(AccessTokens::looks_like_one(&text) && text.len() < TEXT_BYTES_MAX);
        assert_eq!(here.open(&text, at(0)), Ok(claims));
        assert_eq!(tokens(1, "casemate").open(&text, at(599)), Ok(claims));
        assert_eq!(here.open(&text, at(600)), Err(Rejected), "expired");
        assert_eq!(tokens(2, "casemate").open(&text, at(0)), Err(Rejected), "another pepper");
        assert_eq!(tokens(1, "other").open(&text, at(0)), Err(Rejected), "another issuer");
    }

    #[test]
    fn keys_overlap() {
        let here = tokens(1, "casemate");
        let (text, claims) = issued(&here);
        let signer = here.good_keys(at(0))[CURRENT].id.clone();
        let served = |now| here.public_keys(now).into_iter().map(|key| key.id).collect::<Vec<_>>();
        let week = KEY_PERIOD.as_secs();
        assert_eq!(served(at(0))[1], signer);
        assert_eq!(served(at(week))[2], signer);
        assert!(!served(at(2 * week)).contains(&signer));
        let before = at(0).saturating_sub(KEY_PERIOD);
        assert_eq!(served(before)[0], signer, "a node whose clock is behind knows it already");
        assert_eq!(here.open(&text, at(1)), Ok(claims));
    }

    #[test]
    fn the_vectors_of_attackers_are_refused() {
        let here = tokens(1, "casemate");
        let entropy = CountingEntropy::default();
        let (user, session) = (UserId::generate(at(0), &entropy), SessionId::generate(at(0), &entropy));
        let good_header = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID"}"#;
        let claims = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut claims = serde_json::json!({
                "iss": "casemate", "aud": "casemate", "sub": user.to_string(), "sid": session.to_string(),
                "jti": "x", "iat": at(0).as_millis() / 1_000, "exp": at(600).as_millis() / 1_000,
            });
            change(&mut claims);
            claims.to_string()
        };
        let good_claims = claims(&|_| {});
        let good = forged(&here, good_header, &good_claims);
        assert!(here.open(&good, at(0)).is_ok(), "the forger's tool works");

        for header in [
            r#"{"typ":"at+jwt","alg":"none","kid":"KID"}"#,
            r#"{"typ":"at+jwt","alg":"HS256","kid":"KID"}"#,
            r#"{"typ":"at+jwt","alg":"RS256","kid":"KID"}"#,
            r#"{"typ":"at+jwt","alg":"eddsa","kid":"KID"}"#,
            r#"{"typ":"JWT","alg":"EdDSA","kid":"KID"}"#,
            r#"{"alg":"EdDSA","kid":"KID"}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA"}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"../../dev/null"}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID","jku":"https://evil.example/jwks.json"}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID","x5u":"https://evil.example/"}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID","crit":["exp"]}"#,
        ] {
            assert_eq!(here.open(&forged(&here, header, &good_claims), at(0)), Err(Rejected), "{header}");
        }
        type Change<'a> = (&'a str, &'a dyn Fn(&mut serde_json::Value));
        let changes: [Change<'_>; 9] = [
            ("another audience", &|claims| claims["aud"] = "other".into()),
            ("several audiences", &|claims| claims["aud"] = serde_json::json!(["casemate", "other"])),
            ("another issuer", &|claims| claims["iss"] = "other".into()),
            ("no end", &|claims| drop(claims.as_object_mut().expect("an object").remove("exp"))),
            ("an end far off", &|claims| claims["exp"] = 99_999_999_999_u64.into()),
            ("from the future", &|claims| claims["iat"] = (at(31).as_millis() / 1_000).into()),
            ("no user", &|claims| claims["sub"] = "admin".into()),
            ("no session", &|claims| claims["sid"] = "".into()),
            ("a claim of its own", &|claims| claims["role"] = "admin".into()),
        ];
        for (what, change) in changes {
            assert_eq!(
                here.open(&forged(&here, good_header, &claims(change)), at(0)),
                Err(Rejected),
                "{what}"
            );
        }
        let (signed, _) = good.rsplit_once('.').expect("three parts");
        for text in ["", ".", "..", "a.b.c", signed, &format!("{signed}."), &"e".repeat(TEXT_BYTES_MAX + 1)] {
            assert_eq!(here.open(text, at(0)), Err(Rejected), "{text}");
        }
    }
}
