//! Sessions of users who signed in with `casemate login USER`: one directory a node, ours alone, in which the session's
//! tokens are.
//!
//! ```text
//!   state directory / sessions / <digest of the node's address> / lock, session.json     (0700, 0600)
//! ```
//!
//! A refresh token is good once, so whoever refreshes holds the lock; a second process waits, and finds new tokens there.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use casemate_api::users::{RefreshSession, Tokens};
use casemate_api::{AccessTokens, Client, ClientError, ProblemCode};
use casemate_fs::{Dir, DirLock};
use casemate_model::{Clock, Digest, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::location;
use crate::report::CliError;
use crate::world::SystemClock;

/// Most bytes of a session's file.
const FILE_BYTES_MAX: u64 = 8 << 10;

/// The session's file.
const FILE: &str = "session.json";

/// How long before its end an access token is replaced, so that it does not end under way.
const AHEAD: Duration = Duration::from_secs(60);

/// The place of the session with one node.
#[derive(Clone)]
pub(crate) struct SignedIn {
    path: PathBuf,
    address: String,
}

/// What is kept of a session.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Kept {
    node: String,
    user: String,
    access_token: String,
    access_ends_ms: u64,
    refresh_token: String,
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("the session was ended by a log-out in another process")]
    Gone,
    #[error("the file of the session does not hold one; sign in again")]
    Damaged,
    #[error(transparent)]
    Files(#[from] casemate_fs::FsError),
    #[error("the work beside the session was given up")]
    Abandoned(#[from] tokio::task::JoinError),
}

impl SignedIn {
    /// The place of the session with the node at `address`.
    pub(crate) fn at(address: &str) -> Result<Self, CliError> {
        let directory = Digest::of(address.as_bytes()).to_hex();
        let path = location::state_directory()?.join("sessions").join(directory);
        Ok(Self { path, address: address.to_owned() })
    }

    /// Whether somebody has signed in to the node.
    pub(crate) fn exists(&self) -> Result<bool, CliError> {
        match Dir::open(&self.path).and_then(|directory| directory.open_file(FILE)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a new session, in place of any other with the node.
    pub(crate) async fn keep(&self, user: &str, tokens: Tokens) -> Result<(), CliError> {
        let (place, kept) = (self.clone(), self.kept(user, tokens));
        let keeping = tokio::task::spawn_blocking(move || {
            let (directory, _lock) = place.locked()?;
            write(&directory, &kept)
        });
        keeping.await.map_err(SessionError::from).and_then(|kept| kept).map_err(|error| self.failed(error))
    }

    /// Forgets the session; false if there is none.
    pub(crate) async fn forget(&self) -> Result<bool, CliError> {
        let place = self.clone();
        let forgetting = tokio::task::spawn_blocking(move || {
            let (directory, _lock) = place.locked()?;
            Ok(directory.remove_file(FILE)?)
        });
        forgetting.await.map_err(SessionError::from).and_then(|gone| gone).map_err(|error| self.failed(error))
    }

    /// Gives `client` the access tokens of the session, and refreshes them by way of `refresher`, which has none.
    pub(crate) fn join(self, client: Client, refresher: Client) -> Client {
        client.with_tokens(std::sync::Arc::new(Refreshing { place: self, refresher }))
    }

    fn kept(&self, user: &str, tokens: Tokens) -> Kept {
        let ends = SystemClock.now().saturating_add(Duration::from_secs(tokens.expires_in));
        Kept {
            node: self.address.clone(),
            user: user.to_owned(),
            access_token: tokens.access_token,
            access_ends_ms: ends.as_millis(),
            refresh_token: tokens.refresh_token,
        }
    }

    fn locked(&self) -> Result<(Dir, DirLock), SessionError> {
        let directory = Dir::open_private(&self.path)?;
        let lock = directory.wait_for_lock("casemate")?;
        Ok((directory, lock))
    }

    fn read(&self, directory: &Dir) -> Result<Kept, SessionError> {
        let bytes = match directory.read_private(FILE, FILE_BYTES_MAX) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.is_not_found() => return Err(SessionError::Gone),
            Err(error) => return Err(error.into()),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| SessionError::Damaged)?;
        if kept.node == self.address { Ok(kept) } else { Err(SessionError::Damaged) }
    }

    fn failed(&self, error: SessionError) -> CliError {
        CliError::Client(self.signed_out(error))
    }

    fn signed_out(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::SignedOut { address: self.address.clone(), source: error.into() }
    }
}

impl Kept {
    fn is_good(&self, now: Timestamp) -> bool {
        now.saturating_add(AHEAD).as_millis() < self.access_ends_ms
    }

    fn token(&self) -> SecretString {
        SecretString::from(self.access_token.clone())
    }
}

/// Access tokens of a session, which is refreshed when its time has come.
struct Refreshing {
    place: SignedIn,
    refresher: Client,
}

#[async_trait]
impl AccessTokens for Refreshing {
    async fn access_token(&self) -> Result<SecretString, ClientError> {
        let place = self.place.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let kept = place.read(&Dir::open(&place.path)?)?;
            if kept.is_good(SystemClock.now()) {
                return Ok((kept, None));
            }
            // Somebody else may have refreshed while this waited.
            let (directory, lock) = place.locked()?;
            let kept = place.read(&directory)?;
            let stale = !kept.is_good(SystemClock.now());
            Ok((kept, stale.then_some((directory, lock))))
        });
        let read = reading.await.map_err(SessionError::from).and_then(|read| read);
        let (kept, held) = read.map_err(|error| self.place.signed_out(error))?;
        match held {
            None => Ok(kept.token()),
            Some(held) => self.refresh(kept, held).await,
        }
    }
}

impl Refreshing {
    async fn refresh(
        &self,
        kept: Kept,
        (directory, lock): (Dir, DirLock),
    ) -> Result<SecretString, ClientError> {
        let refresh = RefreshSession { refresh_token: kept.refresh_token.clone() };
        let tokens = match self.refresher.sessions_refresh(&refresh).await {
            Ok(tokens) => tokens,
            Err(ClientError::Problem(problem)) if problem.code == ProblemCode::Unauthenticated => {
                return Err(self.place.signed_out(ClientError::Problem(problem)));
            }
            Err(error) => return Err(error),
        };
        let next = self.place.kept(&kept.user, tokens);
        let token = next.token();
        let writing = tokio::task::spawn_blocking(move || {
            let written = write(&directory, &next);
            drop(lock);
            written
        });
        let written = writing.await.map_err(SessionError::from).and_then(|written| written);
        written.map(|()| token).map_err(|error| self.place.signed_out(error))
    }
}

fn write(directory: &Dir, kept: &Kept) -> Result<(), SessionError> {
    let bytes = Zeroizing::new(serde_json::to_vec(kept).map_err(|_| SessionError::Damaged)?);
    Ok(directory.replace(FILE, &bytes)?)
}
