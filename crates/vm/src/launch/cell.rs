use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands around a machine's QEMU, as the kernel confirmed it. Its system-call filters are QEMU's own, and come on top: a
/// QEMU that cannot install them does not start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The version of Landlock in force: files from 1 on, TCP from 4 on, signals and abstract sockets from 6 on.
    pub landlock_abi: Option<u32>,
    /// No capability is left, and none can be gained.
    pub capabilities_dropped: bool,
    /// The process left the daemon's user for one of its own; absent where the daemon has no right to do so.
    pub user: Option<u32>,
    /// The process lives in a network namespace of its own, which has no interface but a loopback that is down.
    pub network_namespace: bool,
}

impl Cell {
    /// The walls that must stand and do not, each with what is lost.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.landlock_abi.is_none() {
            missing.push("Landlock (file-system rules; kernel 5.13 or later with `landlock` among its lsm)");
        }
        if !self.capabilities_dropped {
            missing.push("dropped capabilities");
        }
        missing
    }
}

impl fmt::Display for Cell {
    /// Writes one line for people: what stands, then what does not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |stands: bool, name: &str| if stands { name.to_owned() } else { format!("no {name}") };
        let walls = [
            self.landlock_abi.map_or("no landlock".to_owned(), |abi| format!("landlock {abi}")),
            word(self.capabilities_dropped, "capabilities dropped"),
            self.user.map_or("no user of its own".to_owned(), |uid| format!("user {uid}")),
            word(self.network_namespace, "network namespace"),
        ];
        f.write_str(&walls.join(", "))
    }
}
