use std::collections::HashSet;
use std::fmt::Write as _;

use super::{JsonBudget, JsonFault, JsonPlace, JsonRefused};

/// The walk of a [`JsonBudget`] over a text that comes in pieces.
///
/// What is no JSON is walked as well as may be; whatever is counted wrongly there, the parser refuses.
#[derive(Debug)]
pub struct JsonScanner {
    budget: JsonBudget,
    bytes: usize,
    nodes: usize,
    open: Vec<Container>,
    token: Token,
    /// The key that is being read, as it is written.
    key: Vec<u8>,
}

/// An array or object whose end has not come.
#[derive(Debug)]
enum Container {
    Array { index: usize },
    Object { keys: HashSet<Vec<u8>>, at: Vec<u8>, key_next: bool },
}

/// What the next byte goes on with.
#[derive(Clone, Copy, Debug)]
enum Token {
    Nothing,
    Text { is_key: bool, bytes: usize, escaped: bool },
    Bare { bytes: usize },
}

impl JsonScanner {
    /// A walk that has seen nothing.
    pub fn new(budget: JsonBudget) -> Self {
        Self { budget, bytes: 0, nodes: 0, open: Vec::new(), token: Token::Nothing, key: Vec::new() }
    }

    /// Walks over the next piece. After a refusal there is no going on.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), JsonRefused> {
        for byte in piece {
            self.bytes += 1;
            if self.bytes > self.budget.bytes_max {
                return Err(self.too_much(JsonPlace::Bytes, self.budget.bytes_max));
            }
            self.step(*byte)?;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), JsonRefused> {
        match self.token {
            Token::Text { is_key, bytes, escaped } => self.text(byte, is_key, bytes, escaped),
            Token::Bare { bytes } if !ends_bare(byte) => {
                self.within(bytes + 1, self.budget.number_bytes_max, JsonPlace::NumberBytes)?;
                self.token = Token::Bare { bytes: bytes + 1 };
                Ok(())
            }
            Token::Bare { .. } | Token::Nothing => {
                self.token = Token::Nothing;
                self.structure(byte)
            }
        }
    }

    fn text(&mut self, byte: u8, is_key: bool, bytes: usize, escaped: bool) -> Result<(), JsonRefused> {
        if byte == b'"' && !escaped {
            self.token = Token::Nothing;
            return if is_key { self.end_key() } else { Ok(()) };
        }
        if is_key {
            self.within(bytes + 1, self.budget.key_bytes_max, JsonPlace::KeyBytes)?;
            self.key.push(byte);
        } else {
            self.within(bytes + 1, self.budget.string_bytes_max, JsonPlace::StringBytes)?;
        }
        self.token = Token::Text { is_key, bytes: bytes + 1, escaped: byte == b'\\' && !escaped };
        Ok(())
    }

    fn structure(&mut self, byte: u8) -> Result<(), JsonRefused> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                let is_key = matches!(self.open.last(), Some(Container::Object { key_next: true, .. }));
                if is_key {
                    self.key.clear();
                } else {
                    self.value()?;
                }
                self.token = Token::Text { is_key, bytes: 0, escaped: false };
            }
            b'{' => {
                let object = Container::Object { keys: HashSet::new(), at: Vec::new(), key_next: true };
                self.enter(object)?;
            }
            b'[' => self.enter(Container::Array { index: 0 })?,
            b'}' | b']' => drop(self.open.pop()),
            b',' => match self.open.last_mut() {
                Some(Container::Array { index }) => *index += 1,
                Some(Container::Object { key_next, .. }) => *key_next = true,
                None => {}
            },
            b':' => {
                if let Some(Container::Object { key_next, .. }) = self.open.last_mut() {
                    *key_next = false;
                }
            }
            _ => {
                self.value()?;
                self.token = Token::Bare { bytes: 1 };
            }
        }
        Ok(())
    }

    fn enter(&mut self, container: Container) -> Result<(), JsonRefused> {
        self.value()?;
        self.within(self.open.len() + 1, self.budget.depth_max, JsonPlace::Depth)?;
        self.open.push(container);
        Ok(())
    }

    fn value(&mut self) -> Result<(), JsonRefused> {
        self.nodes += 1;
        self.within(self.nodes, self.budget.nodes_max, JsonPlace::Nodes)
    }

    fn end_key(&mut self) -> Result<(), JsonRefused> {
        let name = unescaped(&self.key);
        let Some(Container::Object { keys, at, key_next }) = self.open.last_mut() else { return Ok(()) };
        *key_next = false;
        at.clone_from(&name);
        if !keys.insert(name) {
            return Err(JsonRefused { fault: JsonFault::KeyTwice, pointer: self.pointer() });
        }
        let count = keys.len();
        self.within(count, self.budget.keys_max, JsonPlace::Keys)
    }

    fn within(&self, count: usize, max: usize, of: JsonPlace) -> Result<(), JsonRefused> {
        if count > max { Err(self.too_much(of, max)) } else { Ok(()) }
    }

    fn too_much(&self, of: JsonPlace, max: usize) -> JsonRefused {
        JsonRefused { fault: JsonFault::TooMuch { of, max }, pointer: self.pointer() }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for container in &self.open {
            match container {
                Container::Array { index } => write!(pointer, "/{index}").expect("a String takes all"),
                // The name of the member that follows is not known yet.
                Container::Object { key_next: true, .. } => {}
                Container::Object { at, .. } => {
                    pointer.push('/');
                    let name = String::from_utf8_lossy(at);
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        pointer
    }
}

fn ends_bare(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'[' | b']' | b'{' | b'}')
}

/// A key as it is meant, so that `a` and `\u0061` are the same one. Escapes that mean nothing stay as they are.
fn unescaped(written: &[u8]) -> Vec<u8> {
    let mut meant = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            meant.push(byte);
            rest = after;
            continue;
        }
        let (character, length) = escape(after).unwrap_or(('\\', 0));
        meant.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &after[length..];
    }
    meant
}

/// The character of an escape, and how many bytes it has behind its backslash.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((character, 1))
}

fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(1)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 5));
    }
    let second = if text.get(5..7)? == br"\u" { unit(7)? } else { return None };
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, 11))
}
