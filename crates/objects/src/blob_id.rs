use std::fmt;

use casemate_model::{Digest, Project};

/// Content that a project has. The same content of another project is another blob: nobody learns from what is stored, or
/// from how much it takes, what others have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobId {
    /// The project that it belongs to.
    pub project: Project,
    /// What its content hashes to.
    pub digest: Digest,
}

impl BlobId {
    /// The content `digest` of `project`.
    pub fn new(project: &Project, digest: Digest) -> Self {
        Self { project: project.clone(), digest }
    }

    /// Other content of the same project.
    pub fn beside(&self, digest: Digest) -> Self {
        Self::new(&self.project, digest)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.digest)
    }
}
