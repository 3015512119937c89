use casemate_model::{Entropy, UserId};
use data_encoding::BASE32_NOPAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{Peppers, SecretMac};

/// Codes that a user gets, each good once in the place of one from the app.
pub const RECOVERY_CODES: usize = 10;

/// 80 bits: too many to try, few enough to write down.
const CODE_BYTES: usize = 10;

/// What keeps hashes of recovery codes from passing for any other.
const DOMAIN: &str = "casemate/recovery-code/v1";

/// Makes a user's recovery codes: the hashes to store and the texts to show once.
pub fn issue_recovery_codes(
    user: UserId,
    peppers: &Peppers,
    entropy: &dyn Entropy,
) -> (Vec<SecretMac>, Vec<SecretString>) {
    let codes = (0..RECOVERY_CODES).map(|_| {
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(&mut secret[..CODE_BYTES]);
        (peppers.seal(DOMAIN, &user.to_string(), &secret), text(&secret))
    });
    codes.unzip()
}

/// Which of a user's stored recovery codes a text is. All are looked at, so that the answer takes the same time.
pub fn find_recovery_code(
    typed: &str,
    user: UserId,
    stored: &[SecretMac],
    peppers: &Peppers,
) -> Option<SecretMac> {
    let secret = parse(typed)?;
    let user = user.to_string();
    let opens = |mac: &&SecretMac| peppers.opens(mac, DOMAIN, &user, &secret);
    stored.iter().fold(None, |found, mac| if opens(&mac) { Some(*mac) } else { found })
}

/// Four groups of four, in lower case.
fn text(secret: &Zeroizing<[u8; 32]>) -> SecretString {
    let code = Zeroizing::new(BASE32_NOPAD.encode(&secret[..CODE_BYTES]).to_ascii_lowercase());
    SecretString::from([&code[..4], &code[4..8], &code[8..12], &code[12..]].join("-"))
}

/// Hyphens and spaces are for people, and capitals are their phones'.
fn parse(typed: &str) -> Option<Zeroizing<[u8; 32]>> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed.chars().filter(|character| !matches!(character, '-' | ' ')).collect();
    let code = Zeroizing::new(code.to_ascii_uppercase());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(code.as_bytes()).ok()?);
    let mut secret = Zeroizing::new([0; 32]);
    (bytes.len() == CODE_BYTES).then(|| secret[..CODE_BYTES].copy_from_slice(&bytes))?;
    Some(secret)
}

#[cfg(test)]
mod tests {
    use casemate_model::Timestamp;
    use casemate_model::test_support::CountingEntropy;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::Pepper;

    #[test]
    fn each_code_is_found_however_it_is_typed_and_only_for_its_user() {
        let entropy = CountingEntropy::default();
        let peppers = Peppers::new(Pepper::new(Zeroizing::new([1; 32])));
        let (ada, eve) =
            (UserId::generate(Timestamp::EPOCH, &entropy), UserId::generate(Timestamp::EPOCH, &entropy));
        let (stored, codes) = issue_recovery_codes(ada, &peppers, &entropy);
        assert_eq!((stored.len(), codes.len()), (10, 10));
        for (mac, code) in stored.iter().zip(&codes) {
            let code = code.expose_secret();
            assert_eq!(code.len(), 19, "{code}");
            let find = |typed: &str, user| find_recovery_code(typed, user, &stored, &peppers);
            assert_eq!(find(code, ada), Some(*mac));
            assert_eq!(find(&code.replace('-', " ").to_uppercase(), ada), Some(*mac));
            assert_eq!(find(code, eve), None);
            assert_eq!(find(&code[1..], ada), None);
        }
        for typed in ["", "123456", "aaaa-aaaa-aaaa-aaaa", &"a".repeat(100)] {
            assert_eq!(find_recovery_code(typed, ada, &stored, &peppers), None, "{typed}");
        }
    }
}
