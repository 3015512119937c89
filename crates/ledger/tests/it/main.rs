//! Keys of owners, as others hand them in.
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use casemate_ledger::{OwnerKey, OwnerPublicKey};

#[test]
fn a_key_is_spelled_in_one_way() {
    let key = OwnerKey::from_seed(&[7; OwnerKey::SEED_BYTES], false);
    let bytes = key.public_key().to_bytes();
    assert_eq!(OwnerPublicKey::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    // The 19 numbers from 2^255 - 19 on mean what the numbers from 0 on mean, and some of those are points.
    for (low, sign) in (0xed..=0xff).flat_map(|low| [(low, 0x7f), (low, 0xff)]) {
        let mut spelled = [0xff; 33];
        (spelled[0], spelled[1], spelled[32]) = (1, low, sign);
        assert!(OwnerPublicKey::from_bytes(&spelled).is_none(), "{low:x} {sign:x}");
    }
}
