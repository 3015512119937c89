use std::fmt;
use std::str::FromStr;

use crate::{Entropy, Timestamp};

/// Text that is no id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {noun} id: expected `{prefix}_` and 26 characters of 0-9 and a-z")]
pub struct IdError {
    /// What was given, cut to 64 characters.
    pub text: String,
    /// The kind of id that was wanted, as the glossary spells it.
    pub noun: &'static str,
    /// The prefix that such an id carries.
    pub prefix: &'static str,
}

/// Defines an id type: a ULID (48 bits of time, 80 of randomness) with a prefix, so that ids of different kinds
/// cannot be swapped, neither in code nor by a person who pastes one.
macro_rules! id {
    ($(#[$doc:meta])* $type:ident, $prefix:literal, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u128);

        impl $type {
            /// What the text form starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new id. Ids made later sort later, to the millisecond.
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(generate(now, entropy))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_id(text, $prefix).map(Self).ok_or_else(|| IdError {
                    text: text.chars().take(64).collect(),
                    noun: $noun,
                    prefix: $prefix,
                })
            }
        }
    };
}

id!(
    /// Names one task: `tsk_…`.
    TaskId, "tsk", "task"
);
id!(
    /// Names one run, that is one attempt at a task: `run_…`. Its receipt goes by the same id.
    RunId, "run", "run"
);
id!(
    /// Names one API key: `key_…`. It is not secret; the key's secret part is.
    KeyId, "key", "key"
);
id!(
    /// Names one console session: `ses_…`. It is not the session's token.
    SessionId, "ses", "session"
);
id!(
    /// Names one invitation: `inv_…`. It is not its token.
    InvitationId, "inv", "invitation"
);
id!(
    /// Names one refresh token: `rft_…`. It is not its secret.
    RefreshId, "rft", "refresh token"
);
id!(
    /// Names one user: `usr_…`.
    UserId, "usr", "user"
);
id!(
    /// Names one version of an object: `ver_…`.
    VersionId, "ver", "version"
);
id!(
    /// Names one upload in parts: `upl_…`.
    UploadId, "upl", "upload"
);
id!(
    /// Names one request and everything it caused: `req_…`.
    RequestId, "req", "request"
);
id!(
    /// Names one node as a worker of tasks: `wrk_…`.
    WorkerId, "wrk", "worker"
);
id!(
    /// Names one node that has joined: `nod_…`.
    NodeId, "nod", "node"
);
id!(
    /// Names one join token: `jtk_…`. It is not its secret.
    JoinTokenId, "jtk", "join token"
);
id!(
    /// Names one schedule: `sch_…`.
    ScheduleId, "sch", "schedule"
);
id!(
    /// Names one machine: `vm_…`.
    MachineId, "vm", "machine"
);
id!(
    /// Names one relay session: `rly_…`. It is not its token.
    RelayId, "rly", "relay session"
);
id!(
    /// Names one webhook: `whk_…`. It is not its secret.
    WebhookId, "whk", "webhook"
);
id!(
    /// Names one delivery of a webhook, that is one event on its way to one receiver: `dlv_…`.
    DeliveryId, "dlv", "delivery"
);

impl TaskId {
    /// The id of the task that `purpose` makes of this one at `now`: always the same, so that it is made once.
    pub fn derived(self, purpose: &str, now: Timestamp) -> Self {
        let hash = crate::Digest::of(format!("casemate task {purpose} of {self}").as_bytes());
        let random =
            hash.as_bytes()[..16].iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        Self(ulid::Ulid::from_parts(now.as_millis(), random).0)
    }
}

fn generate(now: Timestamp, entropy: &dyn Entropy) -> u128 {
    let mut random = [0; 16];
    entropy.fill(&mut random[6..]);
    ulid::Ulid::from_parts(now.as_millis(), u128::from_be_bytes(random)).0
}

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, value: u128) -> fmt::Result {
    let mut text = [0; ulid::ULID_LEN];
    let text = ulid::Ulid(value).array_to_str(&mut text);
    text.make_ascii_lowercase();
    write!(f, "{prefix}_{text}")
}

/// Accepts exactly what `write_id` writes: one spelling for one id, so that text comparison is comparison.
fn parse_id(text: &str, prefix: &str) -> Option<u128> {
    let body = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if body.len() != ulid::ULID_LEN || body.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let value = ulid::Ulid::from_string(&body.to_ascii_uppercase()).ok()?;
    (value.to_string().eq_ignore_ascii_case(body)).then_some(value.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Ones;
    impl Entropy for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(1);
        }
    }

    #[test]
    fn ids_carry_time_and_randomness() {
        let now = Timestamp::from_millis(1_769_860_800_123).expect("in range");
        assert_eq!(TaskId::generate(now, &Ones).to_string(), "tsk_01kg9ys7kv040g2081040g2081");
    }

    #[test]
    fn an_id_of_another_kind_is_refused_with_both_kinds_named() {
        let error = "key_01kga0j4tv04106081040g2081".parse::<TaskId>().expect_err("another prefix");
        assert_eq!(
            error.to_string(),
            "`key_01kga0j4tv04106081040g2081` is not a task id: expected `tsk_` and 26 characters of 0-9 and a-z"
        );
    }

    proptest! {
        #[test]
        fn any_value_round_trips(value: u128) {
            prop_assert_eq!(RunId(value).to_string().parse(), Ok(RunId(value)));
        }

        #[test]
        fn one_id_has_one_spelling(text in "tsk_[0-9a-zA-Z]{26}") {
            if let Ok(id) = text.parse::<TaskId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
