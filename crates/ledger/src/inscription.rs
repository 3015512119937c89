//! The part of a bundle that says where the log has something: shared by all kinds of bundles.

use std::fmt;

use data_encoding::BASE64;

use crate::verify::{EntryProblem, Place, Problem, VerifyError};
use crate::{Checkpoint, Entry, Inclusion, NodePublicKey, TreeHash, verify_inclusion};

/// That an entry is in a log, as text that says each thing once:
///
/// ```text
///   entry Q01MRQE…
///   leaf gSKyXoYZ…
///
///   c2sp.org/tlog-proof@v1
///   index 17
///   B95lDa8R…                        one line per hash of the proof
///
///   casemate/0f1e2d3c4b5a6978        the checkpoint, to the end
///   …
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inscription {
    pub(crate) entry: Vec<u8>,
    /// The entry's hash once more, which tells a damaged entry from a damaged proof.
    pub(crate) leaf: TreeHash,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<TreeHash>,
    pub(crate) checkpoint: Checkpoint,
}

impl Inscription {
    pub(crate) fn new(inclusion: Inclusion) -> Self {
        let Inclusion { sequence, entry, hashes, checkpoint } = inclusion;
        Self { leaf: TreeHash::of_leaf(&entry), entry, index: sequence, hashes, checkpoint }
    }

    /// Reads the text to its end, with a checkpoint by `key`. Numbers may be spelled oddly: whoever reads writes again and compares.
    pub(crate) fn parse(mut lines: Lines<'_>, key: &NodePublicKey) -> Result<Self, VerifyError> {
        let malformed = |place| VerifyError { place, problem: Problem::Malformed };
        let entry = lines.base64("entry ", Place::Entry(None))?;
        let leaf = lines.after("leaf ", Place::Leaf)?;
        lines.exactly("", Place::Bundle)?;
        lines.exactly(PROOF_HEADER, Place::Proof)?;
        let index = lines.after("index ", Place::Proof)?;
        let mut hashes = Vec::new();
        loop {
            match lines.next(Place::Proof)? {
                "" => break,
                _ if hashes.len() == HASHES_MAX => return Err(malformed(Place::Proof)),
                line => hashes.push(TreeHash::from_base64(line).ok_or(malformed(Place::Proof))?),
            }
        }
        let index: u64 = index.parse().map_err(|_| malformed(Place::Proof))?;
        let checkpoint = std::str::from_utf8(lines.rest).map_err(|_| malformed(Place::Checkpoint))?;
        let checkpoint = Checkpoint::open(checkpoint, key)
            .map_err(|error| VerifyError { place: Place::Checkpoint, problem: error.into() })?;
        Entry::decode(&entry)
            .map_err(|error| VerifyError { place: Place::Entry(Some(index)), problem: error.into() })?;
        let leaf = TreeHash::from_base64(leaf).ok_or(malformed(Place::Leaf))?;
        Ok(Self { entry, leaf, index, hashes, checkpoint })
    }

    /// Checks that the entry is in the log of `key`, and returns it. The checkpoint's signature was checked when it was opened.
    pub(crate) fn verify(&self, key: &NodePublicKey) -> Result<Entry, VerifyError> {
        let at = |place, problem| Err(VerifyError { place, problem });
        if self.checkpoint.origin() != key.origin() {
            return at(Place::Checkpoint, Problem::OtherKey);
        }
        self.verify_place()?;
        let here = Place::Entry(Some(self.index));
        let entry =
            Entry::decode(&self.entry).map_err(|error| VerifyError { place: here, problem: error.into() })?;
        if entry.sequence != self.index {
            return at(here, EntryProblem::Sequence { found: entry.sequence }.into());
        }
        Ok(entry)
    }

    /// If the entry is not in the log, tells whether entry, leaf hash or proof is at fault.
    fn verify_place(&self) -> Result<(), VerifyError> {
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        let prove = |leaf| verify_inclusion(leaf, self.index, size, &self.hashes, root);
        let leaf = TreeHash::of_leaf(&self.entry);
        let (place, problem) = match prove(leaf) {
            Ok(()) if leaf == self.leaf => return Ok(()),
            Ok(()) => (Place::Leaf, Problem::Differs),
            Err(error) if prove(self.leaf).is_ok() => (Place::Entry(Some(self.index)), error.into()),
            Err(error) => (Place::Proof, error.into()),
        };
        Err(VerifyError { place, problem })
    }
}

impl fmt::Display for Inscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "entry {}", BASE64.encode(&self.entry))?;
        writeln!(f, "leaf {}", self.leaf.to_base64())?;
        writeln!(f, "\n{PROOF_HEADER}")?;
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The lines of a bundle; each failure names the part that the line belongs to.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn next(&mut self, place: Place) -> Result<&'a str, VerifyError> {
        let malformed = || VerifyError { place, problem: Problem::Malformed };
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(malformed)?;
        let (line, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        std::str::from_utf8(line).map_err(|_| malformed())
    }

    /// The rest of the next line if it begins so; else the line is still to come.
    pub(crate) fn perhaps_after(&mut self, keyword: &str) -> Option<&'a str> {
        let mut ahead = Self { rest: self.rest };
        let found = ahead.next(Place::Bundle).ok()?.strip_prefix(keyword)?;
        self.rest = ahead.rest;
        Some(found)
    }

    pub(crate) fn exactly(&mut self, expected: &str, place: Place) -> Result<(), VerifyError> {
        self.after(expected, place)?
            .is_empty()
            .then_some(())
            .ok_or(VerifyError { place, problem: Problem::Malformed })
    }

    pub(crate) fn after(&mut self, keyword: &str, place: Place) -> Result<&'a str, VerifyError> {
        let line = self.next(place)?;
        line.strip_prefix(keyword).ok_or(VerifyError { place, problem: Problem::Malformed })
    }

    pub(crate) fn base64(&mut self, keyword: &str, place: Place) -> Result<Vec<u8>, VerifyError> {
        let text = self.after(keyword, place)?;
        BASE64.decode(text.as_bytes()).map_err(|_| VerifyError { place, problem: Problem::Malformed })
    }
}

/// From here on the text is a C2SP tlog-proof of the entry, readable by other tools.
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A tree of 2^64 entries has no longer proofs.
const HASHES_MAX: usize = 64;
