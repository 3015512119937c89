use clap::Args;

/// Which of many files are meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filter {
    /// Leave out names like this: `*` is anything, `?` any character.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Of what --exclude leaves out, take these all the same; without --exclude, take only these.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
}

impl Filter {
    /// Whether a name, relative to where the copy begins, is meant.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let is_like = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        match (self.exclude.is_empty(), self.include.is_empty()) {
            (true, true) => true,
            (true, false) => is_like(&self.include),
            (false, _) => !is_like(&self.exclude) || is_like(&self.include),
        }
    }
}

/// Compares in one pass; behind the last star that was seen, more is given to it whenever the rest does not fit.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name, mut star) = (0, 0, None);
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            Some(_) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_names() {
        for (pattern, name) in
            [("*", ""), ("*.zip", "a/b.zip"), ("a?c*", "abc"), ("*a*b", "xaab"), ("**", "x")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.zip", "a.zipx"), ("?", ""), ("a", "ab"), ("*a*b", "xba")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let filter = Filter { exclude: vec!["*".to_owned()], include: vec!["*.zip".to_owned()] };
        assert!(filter.takes("a.zip") && !filter.takes("a.txt"));
        let filter = Filter { exclude: vec![], include: vec!["*.zip".to_owned()] };
        assert!(filter.takes("a.zip") && !filter.takes("a.txt"));
    }
}
