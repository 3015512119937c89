//! The header `Forwarded` of RFC 7239. Texts in quotes may hold commas, so a line is read from its left end, whole, before
//! anything of it is believed.

use super::{Hop, Malformed, node_address};

/// Longer lines are not read.
const LINE_BYTES_MAX: usize = 4 << 10;

/// The hops of one line, from the right. A line that is malformed anywhere is one malformed hop: where its parts begin
/// and end cannot be said.
pub(super) fn hops(line: &[u8]) -> std::vec::IntoIter<Result<Hop, Malformed>> {
    let hops = match parse(line) {
        Ok(mut hops) => {
            hops.reverse();
            hops.into_iter().map(Ok).collect()
        }
        Err(malformed) => vec![Err(malformed)],
    };
    hops.into_iter()
}

fn parse(line: &[u8]) -> Result<Vec<Hop>, Malformed> {
    let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
    if text.len() > LINE_BYTES_MAX {
        return Err(Malformed);
    }
    let mut hops = Vec::new();
    let mut rest = Rest(text);
    loop {
        rest.skip_blanks();
        if !rest.at_end() && !rest.0.starts_with(',') {
            hops.push(element(&mut rest)?);
        }
        if rest.at_end() {
            return Ok(hops);
        }
        rest.expect(',')?;
    }
}

/// The pairs of one hop. One that does not say for whom it asks hides it.
fn element(rest: &mut Rest<'_>) -> Result<Hop, Malformed> {
    let mut found = None;
    loop {
        let name = rest.token()?;
        rest.expect('=')?;
        let value = rest.value()?;
        if name.eq_ignore_ascii_case("for") {
            let hop = node_address(&value).ok_or(Malformed)?;
            if found.replace(hop).is_some() {
                return Err(Malformed);
            }
        }
        rest.skip_blanks();
        if !rest.0.starts_with(';') {
            return Ok(found.unwrap_or(Hop::Hidden));
        }
        rest.expect(';')?;
        rest.skip_blanks();
    }
}

/// What is left of a line.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn expect(&mut self, wanted: char) -> Result<(), Malformed> {
        self.0 = self.0.strip_prefix(wanted).ok_or(Malformed)?;
        Ok(())
    }

    fn token(&mut self) -> Result<&'t str, Malformed> {
        let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let length = self.0.bytes().take_while(|byte| is_sign(byte)).count();
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    /// A token, or a text in quotes.
    fn value(&mut self) -> Result<String, Malformed> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            return self.token().map(ToOwned::to_owned);
        };
        let mut value = String::new();
        let mut characters = quoted.chars();
        loop {
            match characters.next().ok_or(Malformed)? {
                '"' => break,
                '\\' => value.push(characters.next().ok_or(Malformed)?),
                character if character.is_control() && character != '\t' => return Err(Malformed),
                character => value.push(character),
            }
        }
        self.0 = characters.as_str();
        Ok(value)
    }
}
