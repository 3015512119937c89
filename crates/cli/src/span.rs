//! Spans of time as people write them.

use std::time::Duration;

/// Reads a span such as `12h`.
pub(crate) fn span(text: &str) -> Result<Duration, SpanError> {
    let unit = text.chars().last().ok_or(SpanError)?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(SpanError),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| SpanError)?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

/// Text that is no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a whole number with m, h or d behind it, such as 12h")]
pub(crate) struct SpanError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, seconds) in
            [("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("4294967295d", 371_085_174_288_000)]
        {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "5", "-1d", "1.5h", "1w", "4294967296d", "1ä"] {
            assert_eq!(span(text), Err(SpanError), "{text}");
        }
    }
}
