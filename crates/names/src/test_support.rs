//! Whether what many clients saw of one name could have happened one after another.
//!
//! The checker is that of Wing and Gong, with the list and the memory of Lowe ("Testing for linearizability", 2017): it looks for an order
//! of the operations in which each takes effect between its call and its end, and in which a registry that does one thing at a time
//! gives the answers that were seen. Operations whose end nobody saw (their process was killed) may have happened or not.

use std::collections::HashSet;

/// Somebody who has names.
pub type Party = u8;

/// What somebody does to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Claims it, to mean some content.
    Claim(u8),
    /// Points it at some content, if it is at a version.
    Update(u64, u8),
    /// Offers it to somebody.
    Offer(Party),
    /// Calls the offer off.
    Withdraw,
    /// Takes it over, to mean some content.
    Accept(u8),
    /// Gives it up.
    Release,
    /// Asks what it means.
    Read,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// It is done, and the name is at this version.
    Done(u64),
    /// Somebody holds it.
    Taken,
    /// It waits for who had it.
    Cooling,
    /// Nobody holds it.
    Missing,
    /// Somebody else holds it.
    NotOwner,
    /// It is at another version.
    Stale(u64),
    /// There is no offer to call off.
    NothingOpen,
    /// There is no offer to take.
    NotOffered,
    /// It has changed hands a short while ago.
    Locked,
    /// What it means: whose it is, its version and content.
    Means(Party, u64, u8),
}

/// What one client did to one name, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it began.
    pub call: u64,
    /// Who did it.
    pub by: Party,
    /// What.
    pub input: Input,
    /// When it was over, and what came of it; nothing if nobody saw.
    pub end: Option<(u64, Output)>,
}

/// A name as a registry that does one thing at a time has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Model {
    sequence: u64,
    held: Option<Held>,
    /// Who had it last.
    former: Option<Party>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    by: Party,
    content: u8,
    offered_to: Option<Party>,
}

impl Model {
    /// What an operation makes of it, if it may give this output; any, if nobody saw which.
    fn step(self, by: Party, input: Input, seen: Option<Output>) -> Option<Self> {
        let (output, next) = self.next(by, input);
        let also = match (input, output, self.held) {
            // Who lost a race for a version learns that, and perhaps not to whom.
            (Input::Update(..), Output::NotOwner, Some(_)) => Some(Output::Stale(self.sequence)),
            _ => None,
        };
        (seen.is_none() || seen == Some(output) || (seen == also && also.is_some())).then_some(next)
    }

    fn next(self, by: Party, input: Input) -> (Output, Self) {
        let done = Output::Done(self.sequence + 1);
        let at = |held| Self { sequence: self.sequence + 1, held: Some(held), ..self };
        let Some(held) = self.held else {
            return match (input, self.former) {
                (Input::Claim(_), Some(former)) if former != by => (Output::Cooling, self),
                (Input::Claim(content), _) => (done, at(Held { by, content, offered_to: None })),
                _ => (Output::Missing, self),
            };
        };
        let is_owner = held.by == by;
        match input {
            Input::Claim(_) => (Output::Taken, self),
            Input::Read => (Output::Means(held.by, self.sequence, held.content), self),
            Input::Accept(_) if held.offered_to != Some(by) => (Output::NotOffered, self),
            Input::Accept(content) => (done, at(Held { by, content, offered_to: None })),
            _ if !is_owner => (Output::NotOwner, self),
            Input::Update(expected, _) if expected != self.sequence => (Output::Stale(self.sequence), self),
            Input::Update(_, content) => (done, at(Held { content, offered_to: None, ..held })),
            Input::Offer(to) => (done, at(Held { offered_to: Some(to), ..held })),
            Input::Withdraw if held.offered_to.is_none() => (Output::NothingOpen, self),
            Input::Withdraw => (done, at(Held { offered_to: None, ..held })),
            Input::Release => {
                let former = Some(by);
                (done, Self { sequence: self.sequence + 1, held: None, former })
            }
        }
    }
}

/// Calls and ends in the order of their times, as a list from which operations are taken and put back.
struct Line {
    /// The operation, and whether this is its call.
    entries: Vec<(usize, bool)>,
    next: Vec<usize>,
    before: Vec<usize>,
    /// Where the call and the end of each operation stand.
    places: Vec<(usize, usize)>,
}

impl Line {
    fn new(steps: &[Step]) -> Self {
        let mut times: Vec<(u64, bool, usize)> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            times.push((step.call, true, index));
            times.push((step.end.map_or(u64::MAX, |(end, _)| end), false, index));
        }
        // At one time calls come before ends: what may overlap overlaps.
        times.sort_by_key(|(time, is_call, _)| (*time, !is_call));
        let count = times.len();
        let mut places = vec![(0, 0); steps.len()];
        let entries: Vec<_> = times.into_iter().map(|(_, is_call, index)| (index, is_call)).collect();
        for (place, (index, is_call)) in entries.iter().enumerate() {
            // Place 0 is before the first.
            if *is_call { places[*index].0 = place + 1 } else { places[*index].1 = place + 1 }
        }
        Self {
            entries,
            next: (1..=count + 1).collect(),
            before: (0..=count + 1).map(|place: usize| place.saturating_sub(1)).collect(),
            places,
        }
    }

    fn at(&self, place: usize) -> Option<(usize, bool)> {
        self.entries.get(place.checked_sub(1)?).copied()
    }

    fn take(&mut self, index: usize) {
        let (call, end) = self.places[index];
        for place in [call, end] {
            self.next[self.before[place]] = self.next[place];
            let after = self.next[place];
            self.before[after] = self.before[place];
        }
    }

    fn put_back(&mut self, index: usize) {
        let (call, end) = self.places[index];
        for place in [end, call] {
            self.next[self.before[place]] = place;
            let after = self.next[place];
            self.before[after] = place;
        }
    }
}

/// Whether an order exists. If not, how many of the operations can be put in one.
pub fn check(steps: &[Step]) -> Result<(), usize> {
    let mut line = Line::new(steps);
    let known = steps.iter().filter(|step| step.end.is_some()).count();
    let mut done = vec![0_u64; steps.len().div_ceil(64)];
    let mut seen: HashSet<(Vec<u64>, Model)> = HashSet::new();
    let mut path: Vec<(usize, Model)> = Vec::new();
    let (mut model, mut settled, mut furthest) = (Model::default(), 0, 0);
    let mut place = line.next[0];
    loop {
        if settled == known {
            return Ok(());
        }
        match line.at(place) {
            Some((index, true)) => {
                let step = &steps[index];
                let next = model.step(step.by, step.input, step.end.map(|(_, output)| output));
                done[index / 64] |= 1 << (index % 64);
                if let Some(next) = next
                    && seen.insert((done.clone(), next))
                {
                    path.push((index, model));
                    (model, settled) = (next, settled + usize::from(step.end.is_some()));
                    furthest = furthest.max(settled);
                    line.take(index);
                    place = line.next[0];
                } else {
                    done[index / 64] &= !(1 << (index % 64));
                    place = line.next[place];
                }
            }
            // Something was over before this, and cannot come after it.
            Some((_, false)) | None => {
                let Some((index, former)) = path.pop() else { return Err(furthest) };
                done[index / 64] &= !(1 << (index % 64));
                settled -= usize::from(steps[index].end.is_some());
                model = former;
                line.put_back(index);
                place = line.next[line.places[index].0];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(by: Party, input: Input, (call, end): (u64, u64), output: Output) -> Step {
        Step { call, by, input, end: Some((end, output)) }
    }

    #[test]
    fn what_happened_one_after_another_is_found() {
        let history = [
            step(1, Input::Claim(0), (0, 1), Output::Done(1)),
            step(2, Input::Claim(0), (2, 3), Output::Taken),
            step(1, Input::Offer(2), (4, 5), Output::Done(2)),
            step(2, Input::Accept(1), (6, 7), Output::Done(3)),
            step(1, Input::Update(3, 1), (8, 9), Output::NotOwner),
            step(2, Input::Release, (10, 11), Output::Done(4)),
            step(1, Input::Claim(0), (12, 13), Output::Cooling),
            step(2, Input::Claim(1), (14, 15), Output::Done(5)),
            step(3, Input::Read, (16, 17), Output::Means(2, 5, 1)),
        ];
        assert_eq!(check(&history), Ok(()));
        for cut in 0..history.len() - 1 {
            // Without one that changed something, the rest cannot be.
            let mut rest = history.to_vec();
            let gone = rest.remove(cut);
            if matches!(gone.end, Some((_, Output::Done(_)))) {
                assert!(check(&rest).is_err(), "without {gone:?}");
            }
        }
    }

    #[test]
    fn the_races_of_earlier_registries_are_none_of_one_that_does_one_thing_at_a_time() {
        let both = |one: Step, other: Step, after: Option<Step>| {
            let claim = step(1, Input::Claim(0), (0, 1), Output::Done(1));
            let history: Vec<_> =
                [Some(claim), Some(one), Some(other), after].into_iter().flatten().collect();
            check(&history)
        };
        let overlapping = [(2, 6), (3, 5)];
        // Two claims, both granted.
        let claims =
            [1, 2].map(|by| step(by, Input::Claim(0), overlapping[usize::from(by) - 1], Output::Done(1)));
        assert_eq!(check(&claims), Err(1));
        // Two updates of one version, both done.
        let [one, two] =
            [0, 1].map(|index| step(1, Input::Update(1, 1), overlapping[index], Output::Done(2)));
        assert!(both(one, two, None).is_err());
        // A transfer that an update beside it undoes.
        let offer = step(1, Input::Offer(2), (2, 3), Output::Done(2));
        let accept = step(2, Input::Accept(1), (4, 8), Output::Done(3));
        let update = step(1, Input::Update(2, 1), (5, 7), Output::Done(3));
        let claim = step(1, Input::Claim(0), (0, 1), Output::Done(1));
        assert!(check(&[claim.clone(), offer.clone(), accept.clone(), update]).is_err());
        // A release beside a transfer, both done.
        let release = step(1, Input::Release, (5, 7), Output::Done(3));
        assert!(check(&[claim.clone(), offer, accept, release]).is_err());
        // What was released is there again after a restart, and what was acknowledged is not.
        let release = step(1, Input::Release, (2, 3), Output::Done(2));
        let back = step(3, Input::Read, (4, 5), Output::Means(1, 1, 0));
        assert!(check(&[claim.clone(), release, back]).is_err());
        let lost = step(3, Input::Read, (2, 3), Output::Missing);
        assert!(check(&[claim, lost]).is_err());
    }

    #[test]
    fn what_nobody_saw_the_end_of_may_have_happened_or_not() {
        let killed = Step { call: 0, by: 1, input: Input::Claim(0), end: None };
        for output in [Output::Missing, Output::Means(1, 1, 0)] {
            let read = step(2, Input::Read, (5, 6), output);
            assert_eq!(check(&[killed.clone(), read]), Ok(()), "{output:?}");
        }
        // Once seen, it stays.
        let reads = [
            step(2, Input::Read, (5, 6), Output::Means(1, 1, 0)),
            step(2, Input::Read, (7, 8), Output::Missing),
        ];
        let [one, two] = reads;
        assert!(check(&[killed, one, two]).is_err());
    }
}
