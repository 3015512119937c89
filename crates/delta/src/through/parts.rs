//! What content falls into when it is seen through.

use std::sync::Arc;

use super::tokens::Tokens;

/// The parts of one content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// How the content is put together.
    pub(crate) recipe: Vec<u8>,
    /// The bytes around the streams.
    pub(crate) raw: Vec<u8>,
    /// What the streams inflate to, one after the other.
    pub(crate) plain: Vec<u8>,
    /// The encoders' decisions, for streams that are made again from them.
    pub(crate) tokens: Tokens,
}

/// How many parts there are.
pub(crate) const PARTS: usize = 6;

impl Parts {
    /// All parts, in the order in which they are stored.
    pub(crate) fn columns(&self) -> [&[u8]; PARTS] {
        let tokens = &self.tokens;
        [&self.recipe, &self.raw, &self.plain, &tokens.blocks, &tokens.matches, &tokens.odd]
    }

    /// The same from the stored order.
    pub(crate) fn from_columns(columns: [Vec<u8>; PARTS]) -> Self {
        let [recipe, raw, plain, blocks, matches, odd] = columns;
        Self { recipe, raw, plain, tokens: Tokens { blocks, matches, odd } }
    }
}

/// The parts of a base that the parts of a content are like.
#[derive(Debug, Default)]
pub(crate) struct Likeness<'a> {
    pub(crate) raw: &'a [u8],
    /// What the base keeps, where it is all of one stream: a large one is not copied.
    pub(crate) plain: Arc<Vec<u8>>,
    pub(crate) tokens: Tokens,
}

impl Likeness<'_> {
    pub(crate) fn add_plain(&mut self, plain: Arc<Vec<u8>>) {
        if self.plain.is_empty() {
            self.plain = plain;
        } else {
            Arc::make_mut(&mut self.plain).extend_from_slice(&plain);
        }
    }

    /// In the order of the parts that are like them.
    pub(crate) fn columns(&self) -> [&[u8]; PARTS] {
        let tokens = &self.tokens;
        [&[], self.raw, &self.plain, &tokens.blocks, &tokens.matches, &tokens.odd]
    }
}
