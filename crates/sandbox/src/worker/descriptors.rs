#![expect(unsafe_code, reason = "a descriptor's number says nothing of who owns it; here nobody has to")]

use std::os::fd::BorrowedFd;

use rustix::fs::Stat;
use rustix::process::Resource;

/// What every open descriptor of this process is, in the order of their numbers.
pub(super) fn open_files() -> impl Iterator<Item = Stat> {
    let most = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let numbers = 0..i32::try_from(most).unwrap_or(i32::MAX);
    numbers.filter_map(|number| {
        // SAFETY: the descriptor is borrowed for one call that changes nothing, and that fails if there is none.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        rustix::fs::fstat(descriptor).ok()
    })
}
