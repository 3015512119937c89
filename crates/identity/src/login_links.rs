use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use casemate_model::{Entropy, SessionId, Timestamp};
use secrecy::SecretString;

use crate::api_key::bare;
use crate::{Opener, Peppers, Rejected, SecretMac, Token, TokenKind};

/// How long a login link works.
pub const LOGIN_LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Most links that wait at once; further ones push out the oldest.
const LINKS_MAX: usize = 64;

/// One-time login links that were handed out and not used yet.
///
/// They live in memory only: a restart ends them all, which is the safe side for something that lasts minutes.
#[derive(Debug, Default)]
pub struct LoginLinks {
    waiting: Mutex<HashMap<SessionId, Waiting>>,
}

/// What a link stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginLink {
    /// Who signs in by it.
    pub opener: Opener,
    /// The session that it was made in, if it was one: the link ends with it.
    pub made_in: Option<SessionId>,
}

#[derive(Debug)]
struct Waiting {
    link: LoginLink,
    secret: SecretMac,
    expires: Timestamp,
}

impl LoginLinks {
    /// Makes a link, whose opener reaches no further than whoever asked for it; returns the token to put into it, and
    /// when it expires.
    pub fn issue(
        &self,
        link: LoginLink,
        peppers: &Peppers,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> (SecretString, Timestamp) {
        let id = SessionId::generate(now, entropy);
        let bare_id = bare(&id.to_string());
        let token = Token::generate(&bare_id, entropy);
        let secret = peppers.seal(TokenKind::LoginLink.domain(), &bare_id, token.secret());
        let expires = now.saturating_add(LOGIN_LINK_LIFETIME);
        let mut waiting = self.waiting.lock().expect("nothing panics while it holds the lock");
        waiting.retain(|_, other| other.expires > now);
        if waiting.len() >= LINKS_MAX
            && let Some(oldest) = waiting.keys().min().copied()
        {
            waiting.remove(&oldest);
        }
        waiting.insert(id, Waiting { link, secret, expires });
        (token.to_text(TokenKind::LoginLink), expires)
    }

    /// Uses a link up and returns what it stood for. A second use, a late one and a wrong one are refused alike. Whoever
    /// calls this must still see that the session in which it was made goes on.
    pub fn redeem(&self, text: &str, peppers: &Peppers, now: Timestamp) -> Result<LoginLink, Rejected> {
        let token = Token::parse(text, TokenKind::LoginLink)?;
        let id: SessionId = token.claimed_id(SessionId::PREFIX)?;
        let mut waiting = self.waiting.lock().expect("nothing panics while it holds the lock");
        let found = waiting.get(&id).ok_or(Rejected)?;
        let fits = peppers.opens(
            &found.secret,
            TokenKind::LoginLink.domain(),
            &bare(&id.to_string()),
            token.secret(),
        );
        if !fits || found.expires <= now {
            return Err(Rejected);
        }
        waiting.remove(&id).map(|found| found.link).ok_or(Rejected)
    }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use casemate_model::{Project, Role, Scopes};
    use secrecy::ExposeSecret;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Pepper;

    fn link() -> LoginLink {
        let opener = Opener {
            project: Project::default_project(),
            role: Role::ADMIN,
            scopes: Scopes::ALL,
            key: None,
            user: None,
            refreshed: false,
            client: String::new(),
            shown: crate::Shown::OneFactor,
        };
        LoginLink { opener, made_in: None }
    }

    #[test]
    fn a_link_works_once_and_not_for_long() {
        let (links, entropy) = (LoginLinks::default(), CountingEntropy::default());
        let peppers = Peppers::new(Pepper::new(Zeroizing::new([1; 32])));
        let issue = |now| links.issue(link(), &peppers, now, &entropy).0;

        let token = issue(Timestamp::EPOCH);
        assert_eq!(links.redeem(token.expose_secret(), &peppers, Timestamp::EPOCH), Ok(link()));
        assert_eq!(links.redeem(token.expose_secret(), &peppers, Timestamp::EPOCH), Err(Rejected), "used");

        let late = Timestamp::EPOCH.saturating_add(LOGIN_LINK_LIFETIME);
        let token = issue(Timestamp::EPOCH);
        assert_eq!(links.redeem(token.expose_secret(), &peppers, late), Err(Rejected), "late");
    }

    #[test]
    fn waiting_links_are_bounded_and_the_oldest_goes() {
        let (links, entropy) = (LoginLinks::default(), CountingEntropy::default());
        let peppers = Peppers::new(Pepper::new(Zeroizing::new([1; 32])));
        let issued: Vec<_> = (0..=LINKS_MAX)
            .map(|second| {
                let now = Timestamp::EPOCH.saturating_add(Duration::from_secs(second as u64));
                links.issue(link(), &peppers, now, &entropy).0
            })
            .collect();
        let now = Timestamp::EPOCH.saturating_add(Duration::from_secs(100));
        assert_eq!(links.redeem(issued[0].expose_secret(), &peppers, now), Err(Rejected));
        assert_eq!(links.redeem(issued[1].expose_secret(), &peppers, now), Ok(link()));
    }
}
