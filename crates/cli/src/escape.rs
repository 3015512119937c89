//! Showing text that a guest or stranger wrote on a terminal, where control characters would be obeyed.

/// Makes a stream of bytes harmless, piece by piece: line ends and tabs stay, control characters become `^X`,
/// reordering characters and bytes that are no UTF-8 become `\u{…}` and `\x…`.
#[derive(Default)]
pub(crate) struct Escaper {
    /// The beginning of a character whose rest is yet to come; at most three bytes.
    begun: Vec<u8>,
}

impl Escaper {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.begun);
        bytes.extend_from_slice(piece);
        let mut shown = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    push_text(&mut shown, text);
                    return shown;
                }
                Err(error) => {
                    let (good, after) = rest.split_at(error.valid_up_to());
                    push_text(&mut shown, std::str::from_utf8(good).expect("it was just found valid"));
                    let Some(length) = error.error_len() else {
                        self.begun = after.to_vec();
                        return shown;
                    };
                    push_bytes(&mut shown, &after[..length]);
                    rest = &after[length..];
                }
            }
        }
    }

    /// Ends the stream; what is left of a character that never ended is shown as bytes.
    pub(crate) fn finish(self) -> String {
        let mut shown = String::new();
        push_bytes(&mut shown, &self.begun);
        shown
    }
}

/// Makes one text harmless.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    push_text(&mut shown, text);
    shown
}

/// Makes one text harmless and keeps it on its line.
pub(crate) fn escaped_line(text: &str) -> String {
    escaped(text).replace('\n', "^J").replace('\t', "^I")
}

/// Makes a text of JSON harmless: what terminals obey is spelled as JSON escapes it, and means the same.
pub(crate) fn escaped_json(text: String) -> String {
    if !text.contains(is_hidden) {
        return text;
    }
    let spelled = |character| {
        if is_hidden(character) { format!("\\u{:04x}", u32::from(character)) } else { character.to_string() }
    };
    text.chars().map(spelled).collect()
}

/// Delete, the second set of controls, line separators, marks and overrides of direction.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

fn push_text(shown: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\0'..='\u{1f}' => {
                shown.push('^');
                shown.push(char::from(character as u8 ^ 0x40));
            }
            '\u{7f}' => shown.push_str("^?"),
            hidden if is_hidden(hidden) => shown.extend(character.escape_unicode()),
            plain => shown.push(plain),
        }
    }
}

fn push_bytes(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        shown.push_str(&format!("\\x{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_not_obeyed() {
        assert_eq!(escaped("a\tb\nc"), "a\tb\nc");
        assert_eq!(escaped("\x1b[2J\x07\r\x7f"), "^[[2J^G^M^?");
        assert_eq!(escaped("\u{9b}31m \u{202e}gnp.exe"), "\\u{9b}31m \\u{202e}gnp.exe");
        assert_eq!(escaped_line("a\nb"), "a^Jb");
        assert_eq!(escaped_json("{\"a\": \"\u{9b}€\u{202e}\"}".to_owned()), "{\"a\": \"\\u009b€\\u202e\"}");
    }

    #[test]
    fn characters_may_be_cut_between_pieces() {
        let mut escaper = Escaper::default();
        let mut shown = String::new();
        for byte in "größe €".as_bytes() {
            shown.push_str(&escaper.push(&[*byte]));
        }
        assert_eq!(shown + &escaper.finish(), "größe €");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let mut escaper = Escaper::default();
        assert_eq!(escaper.push(b"a\xff\xc3(\xe2\x82"), "a\\xff\\xc3(");
        assert_eq!(escaper.finish(), "\\xe2\\x82");
    }
}
