use std::convert::Infallible;
use std::time::Duration;

use casemate_identity::{IdempotencyMark, Reservation, Reserved};
use casemate_model::{Digest, PrincipalKind};
use zeroize::Zeroizing;

use crate::{Caller, Control, ControlError};

/// How long a request counts as worked on after its last sign of life. A node that was killed holds its keys for so long.
const LEASE: Duration = Duration::from_secs(15);

/// How often a request that is worked on says so: it may fail to twice before the lease is over.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How often it is tried to keep an answer: without it what was done would be done again when the lease is over.
const ANSWER_TRIES: u32 = 5;

/// How long to wait between two of them.
const ANSWER_PAUSE: Duration = Duration::from_millis(500);

/// What keeps the key of answers from being any other.
const ANSWERS: &str = "casemate/answers/v1";

/// Keys that are forgotten at a time.
const FORGET_BATCH: u32 = 256;

/// How long answers are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyRules {
    /// How long an answer is kept.
    pub kept: Duration,
    /// Most keys of one principal in a project.
    pub keys_max: u64,
    /// Most bytes of answers of one principal in a project.
    pub bytes_max: u64,
}

/// What becomes of a request with an idempotency key.
pub enum Begun {
    /// It is to be carried out, and this is to be told how it ended.
    Fresh(Underway),
    /// It is being carried out.
    InFlight,
    /// The key was used for another request.
    OtherRequest,
    /// It was carried out, and was answered so.
    Answered(Zeroizing<Vec<u8>>),
    /// The caller has as many requests under way as there may be keys.
    TooMany,
}

/// A request that holds its key.
#[derive(Clone, Debug)]
pub struct Underway {
    mark: IdempotencyMark,
    fingerprint: Digest,
}

impl Control {
    /// Takes `key` for a request of `caller` that asks for what `fingerprint` is of.
    pub async fn begin_once(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: Digest,
    ) -> Result<Begun, ControlError> {
        let (rules, now) = (self.parts.settings.idempotency, self.now());
        let mark = IdempotencyMark {
            project: caller.principal.project.clone(),
            // Answers may hold secrets: another session of the same user, which may be allowed less, does not get them.
            principal: caller.principal.session.map_or(caller.principal.kind, PrincipalKind::Session),
            key: Digest::of(key.as_bytes()),
            request: caller.request,
        };
        let wanted = Reservation {
            mark,
            fingerprint,
            now,
            lease_until: now.saturating_add(LEASE),
            expires: now.saturating_add(rules.kept),
            keys_max: rules.keys_max,
            bytes_max: rules.bytes_max,
        };
        let reserved = self.parts.idempotency.reserve(&wanted).await?;
        let underway = Underway { mark: wanted.mark, fingerprint };
        Ok(match reserved {
            Reserved::Fresh => Begun::Fresh(underway),
            Reserved::InFlight => Begun::InFlight,
            Reserved::OtherRequest => Begun::OtherRequest,
            Reserved::TooMany => Begun::TooMany,
            Reserved::Answered(sealed) => {
                let peppers = self.authenticator().peppers();
                let opened = peppers.decrypt(ANSWERS, &underway.identity(), &sealed);
                Begun::Answered(opened.ok_or(ControlError::AnswerSealed)?)
            }
        })
    }

    /// Shows that a request is worked on for as long as it takes; to be dropped when it has ended.
    pub async fn keep_underway(&self, underway: &Underway) -> Infallible {
        let mut signs = tokio::time::interval(SIGN_OF_LIFE);
        signs.tick().await;
        loop {
            signs.tick().await;
            let until = self.now().saturating_add(LEASE);
            if let Err(error) = self.parts.idempotency.extend(&underway.mark, until).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a request could not show that it is worked on");
            }
        }
    }

    /// Keeps the answer of a request that changed something. It may hold a secret, so it is encrypted.
    pub async fn answer_once(&self, underway: &Underway, answer: &[u8]) -> Result<(), ControlError> {
        let peppers = self.authenticator().peppers();
        let encrypted = peppers.encrypt(ANSWERS, &underway.identity(), answer, self.entropy());
        let mut tries_left = ANSWER_TRIES;
        loop {
            tries_left -= 1;
            match self.parts.idempotency.answer(&underway.mark, encrypted.clone()).await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    tracing::warn!(
                        "a request took longer than its lease, and another one has taken its key over"
                    );
                    return Ok(());
                }
                Err(error) if tries_left == 0 => return Err(error.into()),
                Err(_) => tokio::time::sleep(ANSWER_PAUSE).await,
            }
        }
    }

    /// Frees the key of a request that changed nothing.
    pub async fn release_once(&self, underway: &Underway) -> Result<(), ControlError> {
        Ok(self.parts.idempotency.release(&underway.mark).await?)
    }

    pub(crate) async fn forget_answers(&self) -> Result<(), ControlError> {
        while self.parts.idempotency.forget_expired(self.now(), FORGET_BATCH).await?
            == u64::from(FORGET_BATCH)
        {
            if self.stopping.is_cancelled() {
                break;
            }
        }
        Ok(())
    }
}

impl Underway {
    /// What a sealed answer belongs to: moved to another row it does not open.
    fn identity(&self) -> Vec<u8> {
        let IdempotencyMark { project, principal, key, .. } = &self.mark;
        format!("answer\0{project}\0{principal}\0{key}\0{}", self.fingerprint).into_bytes()
    }
}
