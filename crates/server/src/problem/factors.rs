use casemate_api::ProblemCode as Code;
use casemate_control::FactorError;

use super::Problem;

impl Problem {
    pub(super) fn factor(error: FactorError) -> Self {
        let text = error.to_string();
        match error {
            FactorError::Required => Self::new(Code::SecondFactorRequired, text)
                .hint("send a code of the authenticator app, or a recovery code, as `code`"),
            FactorError::Wrong => Self::new(Code::SecondFactorWrong, text)
                .hint("wait for the app's next code: each is good once"),
            FactorError::NotSetUp => Self::new(Code::Denied, text)
                .hint("set up an authenticator app or a passkey on the console's page Account"),
            FactorError::NotShown => Self::new(Code::Denied, text)
                .hint("sign in anew with a code or a passkey, or have an administrator reset your factors"),
            FactorError::PasskeysOff => Self::new(Code::Conflict, text)
                .hint("the operator sets `console_url` to the address that browsers use"),
            FactorError::PasskeyInvalid(_) => Self::new(Code::InvalidBody, text),
            FactorError::PasskeyRefused(_) => Self::new(Code::Unauthenticated, text),
            FactorError::PasskeyNotFound => Self::new(Code::NotFound, text),
            FactorError::TotpInUse
            | FactorError::TotpNotBegun
            | FactorError::PasskeyTaken
            | FactorError::TooManyPasskeys => Self::new(Code::Conflict, text),
        }
    }
}
