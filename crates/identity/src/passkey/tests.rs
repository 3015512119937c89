use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use casemate_model::test_support::CountingEntropy;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::Pepper;

const SITE: &str = "https://casemate.example.org";
const VERIFIED: u8 = 0x05;

/// An authenticator of one passkey, and the browser around it.
struct Device {
    key: Key,
    id: Vec<u8>,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What may be wrong with what a device says.
#[derive(Clone)]
struct Said {
    kind: &'static str,
    origin: String,
    more: &'static str,
    party: String,
    flags: u8,
    count: u32,
}

fn party() -> RelyingParty {
    SITE.parse().expect("a site")
}

fn peppers() -> Peppers {
    Peppers::new(Pepper::new(Zeroizing::new([1; 32])))
}

fn user(number: u64) -> UserId {
    let time = Timestamp::from_millis(number).expect("a time");
    UserId::generate(time, &CountingEntropy::default())
}

impl Said {
    fn new(kind: &'static str) -> Self {
        let party = party();
        Self {
            kind,
            origin: party.origin().to_owned(),
            more: "",
            party: party.id().to_owned(),
            flags: VERIFIED,
            count: 1,
        }
    }

    fn client_data(&self, challenge: &str) -> Vec<u8> {
        let (kind, origin, more) = (self.kind, &self.origin, self.more);
        format!("{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"{origin}\"{more}}}")
            .into_bytes()
    }

    fn authenticator_data(&self) -> Vec<u8> {
        let mut data = digest(&SHA256, self.party.as_bytes()).as_ref().to_vec();
        data.push(self.flags);
        data.extend_from_slice(&self.count.to_be_bytes());
        data
    }
}

impl Device {
    fn p256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        Self { key: Key::P256(key), id: vec![7; 32] }
    }

    fn ed25519() -> Self {
        Self { key: Key::Ed25519(Ed25519KeyPair::generate().expect("a key")), id: vec![8; 32] }
    }

    fn cose(&self) -> Vec<u8> {
        match &self.key {
            Key::P256(key) => {
                let point = key.public_key().as_ref();
                let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                cose.extend_from_slice(&point[1..33]);
                cose.extend_from_slice(&[0x22, 0x58, 0x20]);
                cose.extend_from_slice(&point[33..]);
                cose
            }
            Key::Ed25519(key) => {
                let mut cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                cose.extend_from_slice(key.public_key().as_ref());
                cose
            }
        }
    }

    fn register(&self, said: &Said, challenge: &str) -> Registration {
        let mut data = Said { flags: said.flags | 0x40, ..said.clone() }.authenticator_data();
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose());
        Registration { client_data: said.client_data(challenge), authenticator_data: data }
    }

    fn assert(&self, user: UserId, said: &Said, challenge: &str) -> Assertion {
        let (client_data, authenticator_data) = (said.client_data(challenge), said.authenticator_data());
        let mut signed = authenticator_data.clone();
        signed.extend_from_slice(digest(&SHA256, &client_data).as_ref());
        let signature = match &self.key {
            Key::P256(key) => key.sign(&SystemRandom::new(), &signed).expect("signs").as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(&signed).as_ref().to_vec(),
        };
        let id = CredentialId::new(self.id.clone()).expect("an id");
        let user_handle = user.to_string().into_bytes();
        Assertion { id, user_handle, client_data, authenticator_data, signature }
    }

    fn stored(&self, user: UserId, sign_count: u32) -> PasskeyRecord {
        PasskeyRecord {
            id: CredentialId::new(self.id.clone()).expect("an id"),
            user,
            label: "phone".to_owned(),
            key: PasskeyKey::parse(&self.cose()).expect("a key"),
            sign_count,
            created: Timestamp::EPOCH,
            used: None,
        }
    }
}

fn challenge(user: Option<UserId>) -> String {
    issue_challenge(user, &peppers(), Timestamp::EPOCH, &CountingEntropy::default())
}

fn sign_in(device: &Device, said: &Said) -> Result<u32, PasskeyError> {
    let ada = user(1);
    let used = device.assert(ada, said, &challenge(None));
    used.check(&device.stored(ada, 0), &party(), &peppers(), Timestamp::EPOCH).map(|(count, _)| count)
}

#[test]
fn a_passkey_is_registered_and_signs_in() {
    for device in [Device::p256(), Device::ed25519()] {
        let ada = user(1);
        let made = device.register(&Said::new("webauthn.create"), &challenge(Some(ada)));
        let made = made.check(ada, &party(), &peppers(), Timestamp::EPOCH).expect("all is well");
        assert_eq!(made.key, device.stored(ada, 1).key);
        assert_eq!((made.id, made.sign_count), (device.stored(ada, 1).id, 1));
        assert_eq!(sign_in(&device, &Said::new("webauthn.get")), Ok(1));
    }
}

#[test]
fn what_another_site_was_given_is_refused() {
    let device = Device::p256();
    let get = || Said::new("webauthn.get");
    let origin = |origin: &str| Said { origin: origin.to_owned(), ..get() };
    for elsewhere in
        ["https://evil.example", "https://casemate.example.org.evil.example", "http://casemate.example.org"]
    {
        assert_eq!(sign_in(&device, &origin(elsewhere)), Err(PasskeyError::Origin), "{elsewhere}");
    }
    for more in [",\"crossOrigin\":true", ",\"topOrigin\":\"https://evil.example\""] {
        assert_eq!(sign_in(&device, &Said { more, ..get() }), Err(PasskeyError::Origin), "{more}");
    }
    let other = Said { party: "example.org".to_owned(), ..get() };
    assert_eq!(sign_in(&device, &other), Err(PasskeyError::RelyingParty));
    assert_eq!(sign_in(&device, &Said::new("webauthn.create")), Err(PasskeyError::Ceremony));
    let more = ",\"crossOrigin\":false,\"other\":[1]";
    assert_eq!(sign_in(&device, &Said { more, ..get() }), Ok(1), "browsers may say more");
}

#[test]
fn an_authenticator_must_have_verified_its_user() {
    let device = Device::p256();
    let flags = |flags| Said { flags, ..Said::new("webauthn.get") };
    for missing in [0x00, 0x01, 0x04] {
        assert_eq!(sign_in(&device, &flags(missing)), Err(PasskeyError::NotVerified), "{missing:#x}");
    }
    assert_eq!(sign_in(&device, &flags(VERIFIED | 0x10)), Err(PasskeyError::AuthenticatorData));
    assert_eq!(sign_in(&device, &flags(VERIFIED | 0x18)), Ok(1), "a synced passkey");
}

#[test]
fn a_passkey_of_another_user_is_refused() {
    let (device, ada, eve) = (Device::p256(), user(1), user(2));
    let check = |used: &Assertion, stored: &PasskeyRecord| {
        used.check(stored, &party(), &peppers(), Timestamp::EPOCH).map(drop)
    };
    let said = Said::new("webauthn.get");
    let used = device.assert(eve, &said, &challenge(None));
    assert_eq!(check(&used, &device.stored(ada, 0)), Err(PasskeyError::User));
    let other = Device { id: vec![7; 32], ..Device::p256() };
    let used = other.assert(ada, &said, &challenge(None));
    assert_eq!(check(&used, &device.stored(ada, 0)), Err(PasskeyError::Signature));
    let mut used = device.assert(ada, &said, &challenge(None));
    used.signature.pop();
    assert_eq!(check(&used, &device.stored(ada, 0)), Err(PasskeyError::Signature));
    // Neither counter nor flags can be changed after they were signed.
    let mut used = device.assert(ada, &said, &challenge(None));
    used.authenticator_data[36] = 9;
    assert_eq!(check(&used, &device.stored(ada, 0)), Err(PasskeyError::Signature));
}

#[test]
fn a_challenge_is_good_for_its_purpose_user_pepper_and_time() {
    let (device, ada, eve) = (Device::p256(), user(1), user(2));
    let said = Said::new("webauthn.create");
    let register = |challenge: &str, peppers: &Peppers, seconds| {
        let now = Timestamp::EPOCH.saturating_add(std::time::Duration::from_secs(seconds));
        device.register(&said, challenge).check(ada, &party(), peppers, now).map(drop)
    };
    assert_eq!(register(&challenge(Some(ada)), &peppers(), 299), Ok(()));
    assert_eq!(register(&challenge(Some(ada)), &peppers(), 300), Err(PasskeyError::Challenge), "late");
    assert_eq!(register(&challenge(Some(eve)), &peppers(), 0), Err(PasskeyError::Challenge), "another's");
    assert_eq!(register(&challenge(None), &peppers(), 0), Err(PasskeyError::Challenge), "to sign in");
    let others = Peppers::new(Pepper::new(Zeroizing::new([2; 32])));
    assert_eq!(register(&challenge(Some(ada)), &others, 0), Err(PasskeyError::Challenge));
    for made_up in ["", "AAAA", &"A".repeat(80)] {
        assert_eq!(register(made_up, &peppers(), 0), Err(PasskeyError::Challenge), "{made_up}");
    }
    let used = device.assert(ada, &Said::new("webauthn.get"), &challenge(Some(ada)));
    let used = used.check(&device.stored(ada, 0), &party(), &peppers(), Timestamp::EPOCH);
    assert_eq!(used.map(drop), Err(PasskeyError::Challenge));
}

#[test]
fn a_counter_that_goes_back_or_stands_still_is_refused() {
    let (device, ada) = (Device::p256(), user(1));
    let check = |stored, count| {
        let used = device.assert(ada, &Said { count, ..Said::new("webauthn.get") }, &challenge(None));
        used.check(&device.stored(ada, stored), &party(), &peppers(), Timestamp::EPOCH)
            .map(|(count, _)| count)
    };
    assert_eq!(check(4, 5), Ok(5));
    assert_eq!(check(0, 0), Ok(0), "it does not count");
    for (stored, count) in [(5, 5), (5, 4), (5, 0)] {
        assert_eq!(check(stored, count), Err(PasskeyError::Counter), "{stored} {count}");
    }
}

#[test]
fn keys_of_other_kinds_and_forms_are_refused() {
    let good = Device::p256().cose();
    let changed = |at: usize, to: u8| {
        let mut key = good.clone();
        key[at] = to;
        PasskeyKey::parse(&key).map(drop)
    };
    assert_eq!(changed(0, 0xa5), Ok(()));
    for (at, to) in [(0, 0xa4), (0, 0xbf), (2, 0x01), (4, 0x27), (6, 0x02), (7, 0x20), (8, 0x42), (9, 0x1f)] {
        assert_eq!(changed(at, to), Err(PasskeyError::Key), "byte {at} as {to:#x}");
    }
    let mut long = good.clone();
    long.push(0);
    assert_eq!(PasskeyKey::parse(&long), Err(PasskeyError::Key));
    let mut rsa = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00];
    rsa.extend_from_slice(&[0xc5; 256]);
    rsa.extend_from_slice(&[0x21, 0x43, 0x01, 0x00, 0x01]);
    assert_eq!(PasskeyKey::parse(&rsa).map(|key| key.as_bytes().len()), Ok(rsa.len()));
    assert_eq!(
        PasskeyKey::parse(&rsa).and_then(|key| key.verify(b"m", &[0; 256])),
        Err(PasskeyError::Signature)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic_or_a_key_read_differently(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((key, rest)) = PasskeyKey::parse_start(&bytes) {
            prop_assert_eq!(key.as_bytes(), &bytes[..bytes.len() - rest.len()]);
        }
        let _ = AuthenticatorData::parse(&bytes);
        let _ = client_data::check(&bytes, Ceremony::Get, &party());
    }
}
