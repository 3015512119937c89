//! Text that becomes a value of the vocabulary comes out of it as a text that means the same value.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use casemate_ledger::{NodePublicKey, TilePath};
use casemate_model::{
    BucketName, ByteSize, Digest, Name, ObjectKey, PrincipalKind, Project, Role, Scopes, TaskId, Timestamp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    round_trip::<BucketName>(text);
    round_trip::<Digest>(text);
    round_trip::<Name>(text);
    round_trip::<ObjectKey>(text);
    round_trip::<PrincipalKind>(text);
    round_trip::<Project>(text);
    round_trip::<Role>(text);
    round_trip::<Scopes>(text);
    round_trip::<TaskId>(text);
    round_trip::<Timestamp>(text);
    round_trip::<NodePublicKey>(text);
    round_trip::<TilePath>(text);
    // A size is shown rounded, for people, so only reading it is tried.
    let _ = text.parse::<ByteSize>();
});

fn round_trip<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>();
        assert_eq!(again.ok().as_ref(), Some(&value), "from {text:?}");
    }
}
