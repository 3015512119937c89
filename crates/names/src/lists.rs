//! Words that names do not end in, as data with a version: `data/words.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use casemate_model::Name;

/// What there is against a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nobody gets it.
    Reserved,
    /// People trust it.
    HighRisk,
}

/// By what they look like.
static WORDS: LazyLock<HashMap<String, Word>> =
    LazyLock::new(|| read(include_str!("../data/words.txt")).collect());

/// What there is against the word that a name ends in.
pub(crate) fn word_of(name: &Name) -> Option<Word> {
    WORDS.get(&name.top().skeleton()).copied()
}

fn read(text: &str) -> impl Iterator<Item = (String, Word)> + '_ {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| {
        let (kind, word) = line.split_once(' ').expect("a kind and a word");
        let word: Name = word.parse().expect("a word is a name");
        let kind = match kind {
            "reserved" => Word::Reserved,
            "high-risk" => Word::HighRisk,
            other => panic!("{other} is no kind of word"),
        };
        (word.skeleton(), kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_words_that_look_the_same_are_the_same() {
        let of = |text: &str| word_of(&text.parse().expect("a name"));
        assert_eq!(of("localhost"), Some(Word::Reserved));
        assert_eq!(of("shop.loca1host"), Some(Word::Reserved));
        assert_eq!(of("my.paypa1"), Some(Word::HighRisk));
        assert_eq!(
            of("bank.tools"),
            None,
            "only the last word counts: what stands before it is its holder's"
        );
        assert_eq!(of("wordcount.tools"), None);
        let words: Vec<_> = read(include_str!("../data/words.txt")).collect();
        assert_eq!(words.len(), WORDS.len(), "no word is there twice");
    }
}
