//! Who gets which names, and for how long, as data with a version: `data/words.txt` and `data/classes.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use casemate_model::Name;

/// What goes for names of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What it is called.
    pub name: &'static str,
    /// Who may claim one.
    pub claim: ClaimedBy,
    /// How long a claim lasts, and a renewal.
    pub term: Duration,
    /// How long before its end a name may be renewed.
    pub window: Duration,
    /// How long after its end only its holder gets it, by renewing.
    pub grace: Duration,
    /// How long after it was given up or lapsed only its former holder gets it.
    pub cool_off: Duration,
    /// How long after a claim or a transfer it cannot be offered.
    pub lock: Duration,
    /// How long a revocation can be taken back.
    pub revocation: Duration,
    /// How long an offer stands.
    pub offer: Duration,
    /// How long the owner of a name can object to another key.
    pub recovery: Duration,
}

/// Who may claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedBy {
    /// Everybody who may write names.
    Anyone,
    /// Who may write the node.
    Operator,
    /// Nobody.
    Nobody,
}

impl Class {
    /// The class of a name: that of the word that it ends in.
    pub fn of(name: &Name) -> &'static Self {
        WORDS.get(&name.top().skeleton()).copied().unwrap_or(&CLASSES[0])
    }
}

static CLASSES: LazyLock<Vec<Class>> =
    LazyLock::new(|| lines(include_str!("../data/classes.txt")).map(class).collect());

/// By what they look like: a word that looks like a reserved one is as good as it.
static WORDS: LazyLock<HashMap<String, &'static Class>> =
    LazyLock::new(|| words(include_str!("../data/words.txt")).collect());

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn words(text: &'static str) -> impl Iterator<Item = (String, &'static Class)> {
    lines(text).map(|line| {
        let (class, word) = line.split_once(' ').expect("a class and a word");
        let word: Name = word.parse().expect("a word is a name");
        let class = CLASSES.iter().find(|known| known.name == class).expect("a class that there is");
        (word.skeleton(), class)
    })
}

fn class(line: &'static str) -> Class {
    let mut fields = line.split_whitespace();
    let name = fields.next().expect("a name");
    let claim = match fields.next() {
        Some("anyone") => ClaimedBy::Anyone,
        Some("operator") => ClaimedBy::Operator,
        Some("nobody") => ClaimedBy::Nobody,
        other => panic!("{other:?} does not claim"),
    };
    let mut next = || duration(fields.next().expect("as many fields as there are columns"));
    Class {
        name,
        claim,
        term: next(),
        window: next(),
        grace: next(),
        cool_off: next(),
        lock: next(),
        revocation: next(),
        offer: next(),
        recovery: next(),
    }
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let hours = match unit {
        "d" => 24,
        "h" => 1,
        other => panic!("{other} is no unit"),
    };
    Duration::from_secs(number.parse::<u64>().expect("a number") * hours * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_words_that_look_the_same_are_the_same() {
        let of = |text: &str| Class::of(&text.parse().expect("a name")).name;
        assert_eq!(of("localhost"), "reserved");
        assert_eq!(of("shop.loca1host"), "reserved");
        assert_eq!(of("my.paypa1"), "high-risk");
        assert_eq!(
            of("bank.tools"),
            "open",
            "only the last word counts: what stands before it is its holder's"
        );
        assert_eq!(of("wordcount.tools"), "open");
        let words: Vec<_> = words(include_str!("../data/words.txt")).collect();
        assert_eq!(words.len(), WORDS.len(), "no word is there twice");
    }

    #[test]
    fn the_times_of_a_class_are_read_from_its_line() {
        let day = Duration::from_secs(86_400);
        let open = &CLASSES[0];
        assert_eq!((open.name, open.claim), ("open", ClaimedBy::Anyone));
        assert_eq!((open.term, open.window, open.grace), (365 * day, 90 * day, 30 * day));
        assert_eq!((open.cool_off, open.lock, open.revocation), (7 * day, day, 7 * day));
        assert_eq!((open.offer, open.recovery), (7 * day, 7 * day));
        let claims: Vec<_> = CLASSES.iter().map(|class| class.claim).collect();
        assert_eq!(claims, [ClaimedBy::Anyone, ClaimedBy::Operator, ClaimedBy::Nobody]);
    }
}
