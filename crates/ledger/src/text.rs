//! Text that stands in the log for good: nothing in it may steer a terminal or reorder what a reader sees.

use std::fmt::Write as _;

/// Marks where an escaped text was cut. A backslash is always doubled by escaping, so no text forges the mark.
const CUT_MARK: &str = "\\…";

/// Tells whether `character` may stand in a text field as it is.
pub(crate) fn is_plain(character: char) -> bool {
    let reorders = matches!(character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !reorders && !breaks_line
}

/// Escapes what is not plain as `\u{…}` and backslashes as `\\`, and cuts the result to `bytes_max`.
pub(crate) fn escape(text: &str, bytes_max: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            plain if is_plain(plain) => escaped.push(plain),
            other => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(other));
            }
        }
        if escaped.len() > bytes_max {
            let end = escaped.floor_char_boundary(bytes_max - CUT_MARK.len());
            escaped.truncate(end);
            escaped.push_str(CUT_MARK);
            break;
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        assert_eq!(escape("a\u{1b}[31m\n", 99), "a\\u{1b}[31m\\u{a}");
        assert_eq!(escape("\u{202e}txt.exe", 99), "\\u{202e}txt.exe");
        assert_eq!(escape("C:\\größe", 99), "C:\\\\größe");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_marked() {
        assert_eq!(escape("abcdefgh", 8), "abcdefgh");
        assert_eq!(escape("abcdefghi", 8), "abcd\\…");
        assert_eq!(escape("ααααα", 8), "αα\\…");
        // Counted before the mark: nobody can write a text that looks cut.
        assert_eq!(escape("ab\\…", 99), "ab\\\\…");
    }
}
