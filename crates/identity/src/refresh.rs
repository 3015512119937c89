use std::time::Duration;

use casemate_ledger::Event;
use casemate_model::{Entropy, RefreshId, SessionId, Timestamp};
use secrecy::SecretString;

use crate::api_key::bare;
use crate::{
    Credentials, IdentityError, Peppers, RefreshRecord, Rejected, Rotated, SecretMac, Token, TokenKind,
};

/// How long a used token still gives its successor, for who did not get the answer. Later uses end the session.
pub(crate) const REFRESH_GRACE: Duration = Duration::from_secs(30);

/// What keeps a successor's secret from passing for anything else.
const SUCCESSOR: &str = "casemate/refresh-successor/v1";

/// A session that goes on.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The session.
    pub session: SessionId,
    /// The text of the token that comes after the one that was used.
    pub token: SecretString,
}

/// Makes the first refresh token of a session: the record to store and the text for its holder.
pub(crate) fn first(
    session: SessionId,
    peppers: &Peppers,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> (RefreshRecord, SecretString) {
    let id = RefreshId::generate(now, entropy);
    let bare_id = bare(&id.to_string());
    let token = Token::generate(&bare_id, entropy);
    (record(id, session, seal(peppers, &bare_id, &token), now), token.to_text(TokenKind::Refresh))
}

/// Uses a refresh token up. A successor follows from the token before it, so that asking twice gives the same, and nothing
/// but hashes is stored. `ended` is recorded when a token is used that was used long ago: two hold it, and nobody knows
/// which of them is the thief.
pub(crate) async fn rotate(
    credentials: &dyn Credentials,
    peppers: &Peppers,
    text: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
    ended: impl FnOnce(SessionId) -> Event + Send,
) -> Result<Refreshed, IdentityError> {
    let presented = Token::parse(text, TokenKind::Refresh)?;
    let id: RefreshId = presented.claimed_id(RefreshId::PREFIX)?;
    let stored = credentials.refresh_token(id).await?.ok_or(Rejected)?;
    let bare_id = bare(&id.to_string());
    if !peppers.opens(&stored.secret, TokenKind::Refresh.domain(), &bare_id, presented.secret()) {
        return Err(Rejected.into());
    }
    let next = RefreshId::generate(now, entropy);
    let token = successor(peppers, peppers.sealing(), &presented, next).ok_or(Rejected)?;
    let proposed = record(next, stored.session, seal(peppers, &bare(&next.to_string()), &token), now);
    let grace_from = now.saturating_sub(REFRESH_GRACE);
    let token = match credentials.rotate(id, &proposed, grace_from, ended(stored.session)).await? {
        Rotated::First => token,
        Rotated::Again(known) => {
            successor(peppers, known.secret.pepper, &presented, known.id).ok_or(Rejected)?
        }
        Rotated::Reused | Rotated::Gone => return Err(Rejected.into()),
    };
    Ok(Refreshed { session: stored.session, token: token.to_text(TokenKind::Refresh) })
}

fn record(id: RefreshId, session: SessionId, secret: SecretMac, created: Timestamp) -> RefreshRecord {
    RefreshRecord { id, session, secret, created, used: None }
}

fn seal(peppers: &Peppers, bare_id: &str, token: &Token) -> SecretMac {
    peppers.seal(TokenKind::Refresh.domain(), bare_id, token.secret())
}

/// The token `id` that comes after `presented`, under the pepper of version `pepper`.
fn successor(peppers: &Peppers, pepper: u32, presented: &Token, id: RefreshId) -> Option<Token> {
    let bare_id = bare(&id.to_string());
    let parent = SecretMac { pepper, mac: *presented.secret() };
    Some(Token::with_secret(&bare_id, peppers.derive(&parent, SUCCESSOR, &bare_id)?))
}
