use std::time::Duration;

use casemate_model::{Entropy, InvitationId, Project, Role, Timestamp};
use secrecy::SecretString;

use crate::api_key::bare;
use crate::{InvitationRecord, Maker, Peppers, Rejected, SecretMac, Token, TokenKind};

/// Makes an invitation: the record to store and the token to hand over.
pub fn issue_invitation(
    (project, role): (Project, Role),
    maker: Maker,
    lifetime: Duration,
    peppers: &Peppers,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> (InvitationRecord, SecretString) {
    let id = InvitationId::generate(now, entropy);
    let bare_id = bare(&id.to_string());
    let token = Token::generate(&bare_id, entropy);
    let secret = peppers.seal(TokenKind::Invitation.domain(), &bare_id, token.secret());
    let expires = now.saturating_add(lifetime);
    let record = InvitationRecord { id, project, role, maker, secret, created: now, expires };
    (record, token.to_text(TokenKind::Invitation))
}

/// The invitation that a token claims to be of. It proves nothing before [`opens_invitation`] says so.
pub fn claimed_invitation(text: &str) -> Result<InvitationId, Rejected> {
    Token::parse(text, TokenKind::Invitation)?.claimed_id(InvitationId::PREFIX)
}

/// Tells whether a token is that of a stored invitation, and the invitation good at `now`.
pub fn opens_invitation(
    text: &str,
    stored: &InvitationRecord,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<(), Rejected> {
    let token = Token::parse(text, TokenKind::Invitation)?;
    let secret: &SecretMac = &stored.secret;
    let bare_id = bare(&stored.id.to_string());
    let fits = peppers.opens(secret, TokenKind::Invitation.domain(), &bare_id, token.secret());
    if fits && now < stored.expires { Ok(()) } else { Err(Rejected) }
}

#[cfg(test)]
mod tests {
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Pepper;

    #[test]
    fn an_invitation_opens_with_its_own_token_in_its_time() {
        let (peppers, entropy) =
            (Peppers::new(Pepper::new(Zeroizing::new([1; 32]))), CountingEntropy::default());
        let now = Timestamp::EPOCH;
        let issue = || {
            let what = (Project::default_project(), Role::VIEWER);
            issue_invitation(what, Maker::Operator, Duration::from_secs(60), &peppers, now, &entropy)
        };
        let ((one, token), (_, other)) = (issue(), issue());
        let (token, other) = (token.expose_secret(), other.expose_secret());
        assert_eq!(claimed_invitation(token), Ok(one.id));
        assert_eq!(opens_invitation(token, &one, &peppers, now), Ok(()));
        assert_eq!(opens_invitation(other, &one, &peppers, now), Err(Rejected));
        assert_eq!(opens_invitation(token, &one, &peppers, one.expires), Err(Rejected));
        assert_eq!(claimed_invitation("casemate_inv_x"), Err(Rejected));
    }
}
