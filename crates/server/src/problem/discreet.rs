//! What a caller sent is not sent back where it may be a secret: answers end up in logs and in reports of errors.

use casemate_api::Problem;
use casemate_identity::redacted;

/// Takes credentials, and values that were of the wrong type, out of what a problem says.
pub(super) fn make(problem: &mut Problem) {
    problem.detail = redacted(&without_value(&problem.detail)).into_owned();
    problem.hint = problem.hint.take().map(|hint| redacted(&hint).into_owned());
    problem.pointer = problem.pointer.take().map(|pointer| redacted(&pointer).into_owned());
}

/// serde says which text it found where something else belongs: `invalid type: string "...", expected ...`.
fn without_value(detail: &str) -> String {
    const FOUND: &str = ": string \"";
    const EXPECTED: &str = "\", expected ";
    match (detail.find(FOUND), detail.rfind(EXPECTED)) {
        (Some(start), Some(end)) if detail.starts_with("invalid ") && end >= start + FOUND.len() - 1 => {
            format!("{}: a text, expected {}", &detail[..start], &detail[end + EXPECTED.len()..])
        }
        _ => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        for (said, told) in [
            (
                r#"invalid type: string "correct horse", expected u64 at line 1 column 9"#,
                "invalid type: a text, expected u64 at line 1 column 9",
            ),
            (
                r#"invalid value: string "a\", expected b", expected a role"#,
                "invalid value: a text, expected a role",
            ),
            (r#"invalid type: string "", expected u64"#, "invalid type: a text, expected u64"),
            ("invalid type: integer `7`, expected a string", "invalid type: integer `7`, expected a string"),
            ("missing field `name`", "missing field `name`"),
        ] {
            assert_eq!(without_value(said), told);
        }
    }
}
