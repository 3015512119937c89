use std::fmt;

use serde::{Deserialize, Serialize};

/// The walls around every worker, as the kernel confirmed them when a worker started.
///
/// Two of them are required: without Landlock or without seccomp a node refuses to run guests, unless its
/// operator waives that. The others add depth where the host has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each wall stands or does not; they are independent")]
pub struct Walls {
    /// The Landlock version in force: files from 1 on, TCP from 4 on, signals and abstract sockets from 6 on.
    pub landlock_abi: Option<u32>,
    /// The system-call filters are installed on every thread.
    pub seccomp: bool,
    /// Resource limits of the kernel are set.
    pub rlimits: bool,
    /// No capability is left, and none can be gained.
    pub capabilities_dropped: bool,
    /// The process left the node's user for one without rights; absent where the node has no right to do so.
    pub user: Option<u32>,
    /// The process lives in its own network namespace, which has no interface but a loopback that is down.
    pub network_namespace: bool,
    /// The process sees nothing of the file system but its scratch directory.
    pub root_directory: bool,
}

impl Walls {
    /// The required walls that are missing, each with what is lost.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.landlock_abi.is_none() {
            missing.push("Landlock (file-system rules; kernel 5.13 or later with `landlock` among its lsm)");
        }
        if !self.seccomp {
            missing.push("seccomp (system-call filters; a kernel with CONFIG_SECCOMP_FILTER)");
        }
        missing
    }
}

impl fmt::Display for Walls {
    /// Writes one line for people: what stands, then what does not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let landlock = self.landlock_abi.map_or("no landlock".to_owned(), |abi| format!("landlock {abi}"));
        let word = |stands: bool, name: &str| if stands { name.to_owned() } else { format!("no {name}") };
        let walls = [
            landlock,
            word(self.seccomp, "seccomp"),
            word(self.rlimits, "rlimits"),
            word(self.capabilities_dropped, "capabilities dropped"),
            self.user.map_or("no user of its own".to_owned(), |uid| format!("user {uid}")),
            word(self.network_namespace, "network namespace"),
            word(self.root_directory, "root directory"),
        ];
        f.write_str(&walls.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_required_walls_are_named_when_missing() {
        assert_eq!(Walls::default().missing().len(), 2);
        let walls = Walls { landlock_abi: Some(1), seccomp: true, ..Walls::default() };
        assert!(walls.missing().is_empty());
        assert_eq!(
            walls.to_string(),
            "landlock 1, seccomp, no rlimits, no capabilities dropped, no user of its own, \
             no network namespace, no root directory"
        );
    }
}
