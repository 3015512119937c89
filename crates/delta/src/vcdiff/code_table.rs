//! The default code table (RFC 3284, section 5.6): what each byte of the instructions means.
#![expect(clippy::cast_possible_truncation, reason = "what is cast is at most 18 by the condition before")]

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Noop,
    /// Copies bytes of the data section.
    Add,
    /// Repeats one byte of the data section.
    Run,
    /// Copies from segment or window; the address is written in this mode.
    Copy(u8),
}

/// One instruction of a code. A size of 0 is written behind the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    pub(super) kind: Kind,
    pub(super) size: u8,
}

/// The instructions of each code.
pub(super) static TABLE: [[Half; 2]; 256] = build();

/// Sizes of single instructions that have a code of their own.
const ADD_SIZE_MAX: usize = 17;
const COPY_SIZE_MIN: usize = 4;
const COPY_SIZE_MAX: usize = 18;

/// Modes of addresses in the default table.
pub(super) const MODES: u8 = 9;
/// Modes up to this one pair with an ADD at three sizes, later ones at one.
const WIDE_PAIR_MODES: u8 = 6;

const RUN: u8 = 0;
const ADD: u8 = 1;
const COPY: u8 = 19;
const COPY_CODES: u8 = 16;
const ADD_COPY: u8 = 163;
const ADD_COPY_NARROW: u8 = 235;
const COPY_ADD: u8 = 247;

const NOOP: Half = Half { kind: Kind::Noop, size: 0 };

const fn build() -> [[Half; 2]; 256] {
    let mut table = [[NOOP; 2]; 256];
    table[RUN as usize][0] = Half { kind: Kind::Run, size: 0 };
    let mut size = 0;
    while size <= ADD_SIZE_MAX as u8 {
        table[(ADD + size) as usize][0] = Half { kind: Kind::Add, size };
        size += 1;
    }
    let mut mode = 0;
    while mode < MODES {
        table = with_copies(table, mode);
        table = with_pairs(table, mode);
        mode += 1;
    }
    table
}

const fn with_copies(mut table: [[Half; 2]; 256], mode: u8) -> [[Half; 2]; 256] {
    let first = (COPY + COPY_CODES * mode) as usize;
    table[first][0] = Half { kind: Kind::Copy(mode), size: 0 };
    let mut size = COPY_SIZE_MIN;
    while size <= COPY_SIZE_MAX {
        table[first + size + 1 - COPY_SIZE_MIN][0] = Half { kind: Kind::Copy(mode), size: size as u8 };
        size += 1;
    }
    table
}

const fn with_pairs(mut table: [[Half; 2]; 256], mode: u8) -> [[Half; 2]; 256] {
    let mut add = 1;
    while add <= 4 {
        let mut copy = 4;
        while copy <= 6 {
            if let Some(code) = add_copy_code(add, copy, mode) {
                let halves = [
                    Half { kind: Kind::Add, size: add as u8 },
                    Half { kind: Kind::Copy(mode), size: copy as u8 },
                ];
                table[code as usize] = halves;
            }
            copy += 1;
        }
        add += 1;
    }
    table[(COPY_ADD + mode) as usize] =
        [Half { kind: Kind::Copy(mode), size: 4 }, Half { kind: Kind::Add, size: 1 }];
    table
}

/// The code of an ADD or RUN, and whether its size follows.
pub(super) fn add_code(size: usize) -> (u8, bool) {
    if size <= ADD_SIZE_MAX { (ADD + size as u8, size == 0) } else { (ADD, true) }
}

/// The code of a RUN; its size follows.
pub(super) const RUN_CODE: u8 = RUN;

/// The code of a COPY, and whether its size follows.
pub(super) fn copy_code(size: usize, mode: u8) -> (u8, bool) {
    let first = COPY + COPY_CODES * mode;
    match size {
        COPY_SIZE_MIN..=COPY_SIZE_MAX => (first + (size + 1 - COPY_SIZE_MIN) as u8, false),
        _ => (first, true),
    }
}

/// The code of an ADD followed by a COPY.
pub(super) const fn add_copy_code(add: usize, copy: usize, mode: u8) -> Option<u8> {
    if add < 1 || add > 4 || copy < 4 || copy > 6 {
        return None;
    }
    if mode < WIDE_PAIR_MODES {
        return Some(ADD_COPY + mode * 12 + (add as u8 - 1) * 3 + (copy as u8 - 4));
    }
    if copy != 4 {
        return None;
    }
    Some(ADD_COPY_NARROW + (mode - WIDE_PAIR_MODES) * 4 + (add as u8 - 1))
}

/// The code of a COPY followed by an ADD.
pub(super) fn copy_add_code(copy: usize, mode: u8, add: usize) -> Option<u8> {
    (copy == 4 && add == 1).then_some(COPY_ADD + mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(kind: Kind, size: u8) -> Half {
        Half { kind, size }
    }

    #[test]
    fn the_corners_are_those_of_the_rfc() {
        let cases = [
            (0, [half(Kind::Run, 0), NOOP]),
            (1, [half(Kind::Add, 0), NOOP]),
            (18, [half(Kind::Add, 17), NOOP]),
            (19, [half(Kind::Copy(0), 0), NOOP]),
            (20, [half(Kind::Copy(0), 4), NOOP]),
            (162, [half(Kind::Copy(8), 18), NOOP]),
            (163, [half(Kind::Add, 1), half(Kind::Copy(0), 4)]),
            (174, [half(Kind::Add, 4), half(Kind::Copy(0), 6)]),
            (234, [half(Kind::Add, 4), half(Kind::Copy(5), 6)]),
            (235, [half(Kind::Add, 1), half(Kind::Copy(6), 4)]),
            (246, [half(Kind::Add, 4), half(Kind::Copy(8), 4)]),
            (247, [half(Kind::Copy(0), 4), half(Kind::Add, 1)]),
            (255, [half(Kind::Copy(8), 4), half(Kind::Add, 1)]),
        ];
        for (code, halves) in cases {
            assert_eq!(TABLE[code], halves, "code {code}");
        }
    }

    #[test]
    fn every_code_is_found_again() {
        for (code, [first, second]) in TABLE.iter().enumerate() {
            let (a, b) = (usize::from(first.size), usize::from(second.size));
            let found = match (first.kind, second.kind) {
                (Kind::Run, _) => Some(RUN_CODE),
                (Kind::Add, Kind::Noop) => Some(add_code(a).0),
                (Kind::Add, Kind::Copy(mode)) => add_copy_code(a, b, mode),
                (Kind::Copy(mode), Kind::Noop) => Some(copy_code(a, mode).0),
                (Kind::Copy(mode), Kind::Add) => copy_add_code(a, mode, b),
                other => panic!("code {code} is {other:?}"),
            };
            assert_eq!(found.map(usize::from), Some(code));
        }
    }
}
