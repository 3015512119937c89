//! What a process says, line by line.

use casemate_names::test_support::{Input, Output, Party};

/// What a process says of what its clients do.
pub(crate) enum Line {
    Call { id: u64, time: u64, name: String, by: Party, input: Input },
    End { id: u64, time: u64, output: Output },
}

/// `c ID TIME NAME BY INPUT…` and `e ID TIME OUTPUT…`, each with a full stop, so that what was cut is seen.
pub(crate) fn read_line(line: &str) -> Option<Line> {
    let mut words = line.strip_suffix(" .")?.split(' ');
    let kind = words.next()?;
    let (id, time) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    if kind == "c" {
        let (name, by) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let kind = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let small = |number: Option<u64>| number.and_then(|number| u8::try_from(number).ok());
        let input = match kind {
            "claim" => Input::Claim(small(number())?),
            "update" => Input::Update(number()?, small(number())?),
            "offer" => Input::Offer(small(number())?),
            "withdraw" => Input::Withdraw,
            "accept" => Input::Accept(small(number())?),
            "release" => Input::Release,
            _ => Input::Read,
        };
        return Some(Line::Call { id, time, name, by, input });
    }
    let kind = words.next()?;
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let output = match kind {
        "done" => Output::Done(number()?),
        "taken" => Output::Taken,
        "cooling" => Output::Cooling,
        "missing" => Output::Missing,
        "not-owner" => Output::NotOwner,
        "stale" => Output::Stale(number()?),
        "nothing-open" => Output::NothingOpen,
        "not-offered" => Output::NotOffered,
        "locked" => Output::Locked,
        "means" => {
            let by = u8::try_from(number()?).ok()?;
            Output::Means(by, number()?, u8::try_from(number()?).ok()?)
        }
        _ => return None,
    };
    Some(Line::End { id, time, output })
}

pub(crate) fn write_input(input: Input) -> String {
    match input {
        Input::Claim(content) => format!("claim {content}"),
        Input::Update(expected, content) => format!("update {expected} {content}"),
        Input::Offer(to) => format!("offer {to}"),
        Input::Withdraw => "withdraw".to_owned(),
        Input::Accept(content) => format!("accept {content}"),
        Input::Release => "release".to_owned(),
        Input::Read => "read".to_owned(),
    }
}

pub(crate) fn write_output(output: Output) -> String {
    match output {
        Output::Done(sequence) => format!("done {sequence}"),
        Output::Taken => "taken".to_owned(),
        Output::Cooling => "cooling".to_owned(),
        Output::Missing => "missing".to_owned(),
        Output::NotOwner => "not-owner".to_owned(),
        Output::Stale(found) => format!("stale {found}"),
        Output::NothingOpen => "nothing-open".to_owned(),
        Output::NotOffered => "not-offered".to_owned(),
        Output::Locked => "locked".to_owned(),
        Output::Means(by, sequence, content) => format!("means {by} {sequence} {content}"),
    }
}
