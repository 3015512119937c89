//! Taking out of text what looks like a credential.

use std::borrow::Cow;

/// How our credentials begin; a kind of three letters and an underscore follow.
const OURS: &str = "casemate_";

/// Fewer characters after the beginning keep no secret.
const SECRET_CHARS_MIN: usize = 16;

/// What stands in the place of a credential.
const MARK: &str = "[secret]";

/// The text without what looks like one of our credentials or like an access token. For what a stranger wrote and others
/// will read: a credential ends up in the wrong place easily, and there it must go no further.
pub fn redacted(text: &str) -> Cow<'_, str> {
    if !text.contains(OURS) && !text.contains("ey") {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_token) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|found| !is_of_token(found)).unwrap_or(from.len()));
        kept.push_str(before);
        kept.push_str(&redacted_word(word));
        rest = after;
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// Characters of which tokens are.
fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

fn redacted_word(word: &str) -> Cow<'_, str> {
    if let Some(at) = word.find(OURS) {
        let kind_ends = at + OURS.len() + "key_".len();
        if word.len() >= kind_ends + SECRET_CHARS_MIN {
            return Cow::Owned(format!("{}{MARK}", &word[..kind_ends]));
        }
    }
    // The header of a JWT is a JSON object, so that its base64 begins with `ey`.
    let mut parts = word.rsplitn(3, '.');
    let (signature, claims, header) = (parts.next(), parts.next(), parts.next());
    let long = |part: Option<&str>| part.is_some_and(|part| part.len() >= SECRET_CHARS_MIN);
    match header.and_then(|header| header.find("ey")) {
        Some(at) if long(signature) && long(claims) => Cow::Owned(format!("{}{MARK}", &word[..at])),
        _ => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_and_the_rest_stays() {
        let key = format!("casemate_key_{}_{}_00000000", "0".repeat(26), "1".repeat(52));
        let share = format!("casemate_shr_{}", "A-_".repeat(30));
        let jwt = format!("eyJ0eXAi.{}.{}", "b".repeat(40), "c".repeat(86));
        for (text, expected) in [
            (format!("`{key}` is no name"), "`casemate_key_[secret]` is no name".to_owned()),
            (format!("object:builds/{share}?"), "object:builds/casemate_shr_[secret]?".to_owned()),
            (format!("curl {jwt}, {key}"), "curl [secret], casemate_key_[secret]".to_owned()),
            (format!("x{key}x"), "xcasemate_key_[secret]".to_owned()),
            (format!("Bearer{jwt}"), "Bearer[secret]".to_owned()),
            (format!("é{key}é"), "écasemate_key_[secret]é".to_owned()),
        ] {
            assert_eq!(redacted(&text), expected);
        }
    }

    #[test]
    fn what_is_no_credential_is_left_as_it_is() {
        for text in [
            "",
            "casemate_key_",
            "casemate_logs.2026-01-01.tar",
            "key_01kga0j4tv04106081040g2081",
            "keys.yaml.gz and they.are.many",
            "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
