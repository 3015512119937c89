use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::JailError;
use crate::error::attempt;

/// Leaves root for `uid`, if the process is root. Returns the user it became.
///
/// A host that maps no such user (a container, typically) leaves the process what it is; its capabilities can be dropped either
/// way.
pub fn become_user(uid: u32) -> Result<Option<u32>, JailError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    match rustix::thread::set_thread_groups(&[]) {
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return Err(attempt("leave the node's groups")(error)),
    }
    // One thread, so the calls for a thread change the process.
    let changed = rustix::thread::set_thread_res_gid(group, group, group)
        .and_then(|()| rustix::thread::set_thread_res_uid(user, user, user));
    match changed {
        Ok(()) => Ok(Some(uid)),
        Err(Errno::INVAL | Errno::PERM) => Ok(None),
        Err(error) => Err(attempt("leave the node's user")(error)),
    }
}

/// Gives up every capability, also those that a new program could inherit. Returns true when none is left.
pub fn drop_capabilities() -> Result<bool, JailError> {
    for capability in CapabilitySet::all().iter() {
        // Not held, not known to this kernel, or no right to drop it: then nothing can be gained from it, since
        // no new privileges are allowed either.
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).map_err(attempt("drop capabilities"))?;
    let left = rustix::thread::capabilities(None).map_err(attempt("read capabilities"))?;
    Ok(left == none)
}
