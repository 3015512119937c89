use std::fmt;
use std::str::FromStr;

/// How a run ended. The kinds are apart because they call for different answers: an exit code is the guest's
/// word, a trap its bug, a limit its greed, an engine failure ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest returned, or called exit with this code. Only code 0 makes a task succeed.
    Exited(u32),
    /// The guest did something WebAssembly forbids.
    Trapped(TrapKind),
    /// The guest reached a limit and was stopped.
    LimitReached(LimitKind),
    /// Somebody with the right to do so cancelled the task.
    Cancelled,
    /// The module was refused before any of it ran; the text says why, for a person.
    Refused(String),
    /// The engine or its process failed; the text says how, for an operator. The guest is not to blame.
    EngineFailed(String),
}

macro_rules! text_enum {
    ($(#[$doc:meta])* $type:ident, $error:ident, $noun:literal, { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)+ }

        impl $type {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        #[doc = concat!("Text that is no ", $noun, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("`{0}` is not a {noun}", noun = $noun)]
        pub struct $error(String);

        impl FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
                found.ok_or_else(|| $error(text.chars().take(40).collect()))
            }
        }
    };
}

text_enum!(
    /// A limit that ended a run. Each is a field of [`RunLimits`](crate::RunLimits).
    LimitKind, LimitKindError, "limit", {
        /// The wall-clock deadline over queue, compilation, execution and host calls.
        Wall = "wall",
        /// The engine's count of executed operations.
        Fuel = "fuel",
        /// Linear memory of all instances together.
        Memory = "memory",
        /// Elements of all tables together.
        TableElements = "table-elements",
        /// Instances, memories and tables created.
        Instances = "instances",
        /// The guest's call stack.
        Stack = "stack",
        /// Bytes of standard output and output files together.
        Output = "output",
        /// Bytes of standard error.
        Log = "log",
        /// Time spent compiling the module.
        CompileTime = "compile-time",
        /// Memory used compiling the module.
        CompileMemory = "compile-memory",
    }
);

text_enum!(
    /// What a guest did that WebAssembly forbids.
    TrapKind, TrapKindError, "trap", {
        /// The `unreachable` instruction, which is how most languages abort.
        Unreachable = "unreachable",
        /// A memory access outside the linear memory.
        MemoryOutOfBounds = "memory-out-of-bounds",
        /// A table access outside the table.
        TableOutOfBounds = "table-out-of-bounds",
        /// An indirect call to an empty or differently typed table element.
        BadIndirectCall = "bad-indirect-call",
        /// Integer division by zero.
        DivisionByZero = "division-by-zero",
        /// Integer overflow in a division or conversion.
        IntegerOverflow = "integer-overflow",
        /// Conversion of a float without an integer value.
        BadConversion = "bad-conversion",
        /// Any other trap of the engine.
        Other = "other",
    }
);

impl Outcome {
    /// The word for the kind of outcome, as stored and shown.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Trapped(_) => "trapped",
            Self::LimitReached(_) => "limit-reached",
            Self::Cancelled => "cancelled",
            Self::Refused(_) => "refused",
            Self::EngineFailed(_) => "engine-failed",
        }
    }

    /// What goes with the kind: the exit code, the trap, the limit or the reason; empty for `Cancelled`.
    pub fn detail(&self) -> String {
        match self {
            Self::Exited(code) => code.to_string(),
            Self::Trapped(trap) => trap.to_string(),
            Self::LimitReached(limit) => limit.to_string(),
            Self::Cancelled => String::new(),
            Self::Refused(reason) | Self::EngineFailed(reason) => reason.clone(),
        }
    }

    /// Rebuilds an outcome from [`Outcome::kind`] and [`Outcome::detail`]; `None` if they do not fit.
    pub fn from_parts(kind: &str, detail: &str) -> Option<Self> {
        Some(match kind {
            "exited" => Self::Exited(detail.parse().ok()?),
            "trapped" => Self::Trapped(detail.parse().ok()?),
            "limit-reached" => Self::LimitReached(detail.parse().ok()?),
            "cancelled" if detail.is_empty() => Self::Cancelled,
            "refused" => Self::Refused(detail.to_owned()),
            "engine-failed" => Self::EngineFailed(detail.to_owned()),
            _ => return None,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Trapped(trap) => write!(f, "trapped: {trap}"),
            Self::LimitReached(limit) => write!(f, "stopped at its {limit} limit"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::EngineFailed(reason) => write!(f, "the engine failed: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_round_trip() {
        let mut outcomes = vec![
            Outcome::Exited(0),
            Outcome::Exited(u32::MAX),
            Outcome::Cancelled,
            Outcome::Refused("not WebAssembly".to_owned()),
            Outcome::EngineFailed("worker died".to_owned()),
        ];
        outcomes.extend(LimitKind::ALL.iter().map(|limit| Outcome::LimitReached(*limit)));
        outcomes.extend(TrapKind::ALL.iter().map(|trap| Outcome::Trapped(*trap)));
        for outcome in outcomes {
            assert_eq!(Outcome::from_parts(outcome.kind(), &outcome.detail()), Some(outcome));
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        for (kind, detail) in
            [("exited", "-1"), ("trapped", "wall"), ("cancelled", "x"), ("", ""), ("limit-reached", "")]
        {
            assert_eq!(Outcome::from_parts(kind, detail), None, "{kind} {detail}");
        }
    }
}
