//! Building the path and query of a request.

use crate::BASE_PATH;

/// A path with a query, percent-encoded.
#[derive(Clone)]
pub(super) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// Starts from a fixed path of the API, such as `/names`.
    pub(super) fn new(fixed: &str) -> Self {
        Self { text: format!("{BASE_PATH}{fixed}"), has_query: false }
    }

    /// Starts from a fixed path outside the API.
    pub(super) fn root(fixed: &str) -> Self {
        Self { text: fixed.to_owned(), has_query: false }
    }

    /// Adds one segment; a slash in it is encoded.
    pub(super) fn segment(mut self, segment: &str) -> Self {
        self.text.push('/');
        encode(&mut self.text, segment, false);
        self
    }

    /// Adds a fixed segment.
    pub(super) fn then(mut self, fixed: &str) -> Self {
        self.text.push_str(fixed);
        self
    }

    /// Adds the last segments, as they are in an object's key: a slash stays one.
    pub(super) fn rest(mut self, rest: &str) -> Self {
        self.text.push('/');
        encode(&mut self.text, rest, true);
        self
    }

    /// Adds a parameter to the query.
    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        encode(&mut self.text, value, false);
        self
    }

    /// Adds a parameter to the query if it has a value.
    pub(super) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Encodes everything but letters, digits, hyphens and underscores, so that no `.` or `..` is ever taken for a step.
fn encode(into: &mut String, text: &str, keep_slash: bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (keep_slash && byte == b'/');
        if plain {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        let path = Path::new("/objects").segment("a/b").rest("x/../größe?#%.txt");
        assert_eq!(path.as_str(), "/api/v1/objects/a%2Fb/x/%2E%2E/gr%C3%B6%C3%9Fe%3F%23%25%2Etxt");
        let path = Path::new("/tasks").query("state", "a&b").maybe("limit", None).maybe("after", Some("c d"));
        assert_eq!(path.as_str(), "/api/v1/tasks?state=a%26b&after=c%20d");
    }
}
