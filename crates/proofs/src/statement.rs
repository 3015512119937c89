use casemate_ledger::Receipt;
use casemate_model::Digest;

/// What a proof is of: which task of which project gave which outputs for which inputs, by which module.
///
/// It is a text, one thing a line, and its digest is what a proof's public inputs are. The task is in it, so a proof is of one
/// task and of no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(String);

impl Statement {
    /// The statement that a receipt makes.
    pub fn of(receipt: &Receipt) -> Self {
        let mut lines = vec![
            "casemate statement v1".to_owned(),
            format!("task {}", receipt.task),
            format!("project {}", receipt.project),
            format!("module {}", receipt.module),
            format!("invocation {}", receipt.invocation),
            format!("input {}", receipt.input),
        ];
        // A path may hold a line break; its digest does not.
        let file = |what: &str, (path, digest): &(String, Digest)| {
            format!("{what} {} {digest}", Digest::of(path.as_bytes()))
        };
        lines.extend(receipt.input_files.iter().map(|one| file("input-file", one)));
        lines.push(format!("output {}", receipt.output));
        lines.extend(receipt.output_files.iter().map(|one| file("output-file", one)));
        lines.push(format!(
            "outcome {} {}",
            receipt.outcome.kind(),
            Digest::of(receipt.outcome.detail().as_bytes())
        ));
        lines.push(String::new());
        Self(lines.join("\n"))
    }

    /// A statement of any text; for tests of systems.
    #[cfg(feature = "test-support")]
    pub fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The digest as two numbers, each below every usual field: its first and its last sixteen bytes, big-endian.
    pub fn public_inputs(&self) -> [u128; 2] {
        let digest = self.digest();
        let half = |bytes: &[u8]| bytes.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        let (first, last) = digest.as_bytes().split_at(16);
        [half(first), half(last)]
    }
}
