use casemate_model::Entropy;

use super::*;
use crate::samples;

struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

fn key(number: u8) -> OwnerKey {
    OwnerKey::generate(number.is_multiple_of(2), &Fixed(number))
}

fn record() -> NameRecord {
    let owner = key(1).public_key().clone();
    NameRecord { owner: Some(owner), recovery: Some(key(2).public_key().clone()), ..samples::name_record() }
}

#[test]
fn what_is_written_is_read_again_and_only_that() {
    let bytes = record().encode();
    assert_eq!(NameRecord::decode(&bytes), Ok(record()));
    for end in 0..bytes.len() {
        NameRecord::decode(&bytes[..end]).expect_err("cut off");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(NameRecord::decode(&longer), Err(DecodeError::Trailing { count: 1 }));
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 0x20;
        if let Ok(read) = NameRecord::decode(&other) {
            assert_ne!(read, record(), "byte {index} says nothing");
            assert_eq!(read.encode(), other, "byte {index} has two spellings");
        }
    }
}

#[test]
fn the_bytes_are_as_laid_down() {
    // A change of these bytes breaks every signature there is.
    let plain = samples::name_record();
    assert_eq!(plain.digest_of().to_string(), include_str!("golden.txt").trim());
}

#[test]
fn a_signature_is_of_one_record_and_one_key() {
    for number in [1, 2] {
        let (record, owner) = (record(), key(number));
        let signed = SignedNameRecord::new(record.clone(), vec![record.sign(&owner)]);
        assert_eq!(signed.verify(&[owner.public_key()]), Ok(()));
        assert_eq!(SignedNameRecord::decode(&signed.encode()), Ok(signed.clone()));
        assert_eq!(signed.verify(&[key(3).public_key()]), Err(BadSignature), "another key");
        assert_eq!(signed.verify(&[]), Err(BadSignature), "more signatures than are asked for");
        let other = NameRecord { sequence: record.sequence + 1, ..record.clone() };
        let moved = SignedNameRecord::new(other, signed.signatures().to_vec());
        assert_eq!(moved.verify(&[owner.public_key()]), Err(BadSignature), "another record");
    }
    let unsigned = SignedNameRecord::new(record(), vec![]);
    assert_eq!(unsigned.verify(&[key(1).public_key()]), Err(BadSignature));
    assert_eq!(unsigned.verify_alone(), Err(BadSignature), "it has an owner, who did not sign");
}

#[test]
fn of_a_hybrid_key_both_halves_count() {
    let (record, hybrid) = (record(), key(2));
    let whole = record.sign(&hybrid).to_bytes();
    for place in [40, 200, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        let signature = OwnerSignature::from_bytes(&bytes).unwrap();
        let signed = SignedNameRecord::new(record.clone(), vec![signature]);
        assert_eq!(signed.verify(&[hybrid.public_key()]), Err(BadSignature), "byte {place}");
    }
    let half = OwnerSignature::from_bytes(&whole[..96]).unwrap();
    let signed = SignedNameRecord::new(record.clone(), vec![half]);
    assert_eq!(signed.verify(&[hybrid.public_key()]), Err(BadSignature), "Ed25519 alone");
    let text = hybrid.public_key().to_string();
    assert_eq!(text.parse().as_ref(), Ok(hybrid.public_key()));
    assert_eq!(text.replace("+ml-dsa-65", "").parse::<OwnerPublicKey>(), Err(crate::OwnerKeyError));
}

#[test]
fn who_signs_follows_from_what_changes() {
    let former = record();
    let (old, recovery, new) = (key(1), key(2), key(3));
    let next = |change| NameRecord {
        change,
        owner: Some(new.public_key().clone()),
        successor: Some(new.public_key().clone()),
        ..record()
    };
    let signers = |change| next(change).signers(Some(&former)).into_iter().cloned().collect::<Vec<_>>();
    let keys = |keys: &[&OwnerKey]| keys.iter().map(|key| key.public_key().clone()).collect::<Vec<_>>();
    for change in NameChange::ALL {
        let expected = match change {
            NameChange::Claimed | NameChange::Transferred => keys(&[&new]),
            NameChange::Rotated => keys(&[&old, &new]),
            NameChange::Recovering => keys(&[&recovery, &new]),
            NameChange::Updated
            | NameChange::Renewed
            | NameChange::Offered
            | NameChange::Withdrawn
            | NameChange::Released => keys(&[&old]),
            _ => keys(&[]),
        };
        assert_eq!(signers(change), expected, "{change:?}");
        assert_eq!(NameChange::from_text(change.as_str()), Some(change));
    }
    let same = NameRecord { change: NameChange::Rotated, ..record() };
    assert_eq!(same.signers(Some(&former)).len(), 1, "one key signs once");
}

#[test]
fn a_key_that_accepts_everything_is_none() {
    // The point of order one: it verifies signatures that nobody made.
    let mut weak = vec![1, 1];
    weak.resize(33, 0);
    assert_eq!(OwnerPublicKey::from_bytes(&weak), None);
    assert_eq!(OwnerPublicKey::from_bytes(&[1; 34]), None);
    assert_eq!(OwnerPublicKey::from_bytes(&[]), None);
}
