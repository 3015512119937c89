//! A budget for JSON from outside, checked on the bytes before anything is built from them.
//!
//! A parser that builds values first and counts later has paid already. This walk costs one pass without allocation
//! beyond the nesting stack, and refuses at the first byte over budget. It does not check that the text is valid
//! JSON: the real parser does that next, and then knows that it is small.

use std::fmt;

/// What a JSON text may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonBudget {
    /// Bytes of the text.
    pub bytes_max: usize,
    /// Nesting of arrays and objects.
    pub depth_max: usize,
    /// Values, counting every element, member and container.
    pub nodes_max: usize,
    /// Bytes of one string or key, before unescaping.
    pub string_bytes_max: usize,
}

/// A budget was overrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the JSON body has more than {max} {place}")]
pub struct JsonOverrun {
    /// What there is too much of.
    pub place: JsonPlace,
    /// The most allowed.
    pub max: usize,
}

/// What a [`JsonBudget`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonPlace {
    /// Bytes of the text.
    Bytes,
    /// Levels of nesting.
    Depth,
    /// Values.
    Nodes,
    /// Bytes of one string.
    StringBytes,
}

impl JsonBudget {
    /// What a request body may hold: 256 KiB, 16 levels, 20,000 values, strings of 64 KiB.
    pub const REQUEST: Self =
        Self { bytes_max: 256 << 10, depth_max: 16, nodes_max: 20_000, string_bytes_max: 64 << 10 };

    /// Checks `text` against the budget.
    pub fn check(&self, text: &[u8]) -> Result<(), JsonOverrun> {
        within(text.len(), self.bytes_max, JsonPlace::Bytes)?;
        let (mut depth, mut nodes, mut string_start) = (0_usize, 0_usize, None);
        let mut bytes = text.iter().enumerate();
        while let Some((position, byte)) = bytes.next() {
            if let Some(start) = string_start {
                match byte {
                    b'"' => string_start = None,
                    b'\\' => _ = bytes.next(),
                    _ => {}
                }
                within(position - start, self.string_bytes_max + 1, JsonPlace::StringBytes)
                    .map_err(|overrun| JsonOverrun { max: self.string_bytes_max, ..overrun })?;
                continue;
            }
            match byte {
                b'"' => string_start = Some(position),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                // Every value but the first of its container follows a comma or a colon, the first an opening.
                b',' | b':' => {}
                _ => continue,
            }
            if !matches!(byte, b'"' | b'}' | b']') {
                nodes += 1;
            }
            within(depth, self.depth_max, JsonPlace::Depth)?;
            within(nodes, self.nodes_max, JsonPlace::Nodes)?;
        }
        Ok(())
    }
}

fn within(count: usize, max: usize, place: JsonPlace) -> Result<(), JsonOverrun> {
    if count > max { Err(JsonOverrun { place, max }) } else { Ok(()) }
}

impl fmt::Display for JsonPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Depth => "levels of nesting",
            Self::Nodes => "values",
            Self::StringBytes => "bytes in one string",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: JsonBudget = JsonBudget { bytes_max: 60, depth_max: 3, nodes_max: 8, string_bytes_max: 10 };

    fn overrun(place: JsonPlace, max: usize) -> Result<(), JsonOverrun> {
        Err(JsonOverrun { place, max })
    }

    #[test]
    fn small_texts_pass() {
        for text in ["", "1", "{}", r#"{"a":[1,2]}"#, r#""0123456789""#, r#"{"a":"]}[{,:"}"#, r#"["\"[[[["]"#]
        {
            assert_eq!(SMALL.check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn each_bomb_is_named() {
        assert_eq!(SMALL.check(&[b' '; 61]), overrun(JsonPlace::Bytes, 60));
        assert_eq!(SMALL.check(b"[[[["), overrun(JsonPlace::Depth, 3));
        assert_eq!(SMALL.check(b"[1,2,3,4,5,6,7,8,9]"), overrun(JsonPlace::Nodes, 8));
        assert_eq!(SMALL.check(br#""01234567890""#), overrun(JsonPlace::StringBytes, 10));
        assert_eq!(
            SMALL.check(br#""0123456789012"#),
            overrun(JsonPlace::StringBytes, 10),
            "also when it never ends"
        );
    }
}
