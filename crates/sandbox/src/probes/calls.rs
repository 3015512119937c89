#![expect(
    unsafe_code,
    reason = "probes make system calls as an attacker would, without any library in between"
)]

use std::ffi::CStr;

/// Makes a system call. Negative results are error numbers.
pub(super) fn call<const N: usize>(number: i64, arguments: [usize; N]) -> i64 {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: every pointer among the arguments is null or made by `text` or `bytes` from a value that the probe
    // holds across this call, and no probe passes a length beyond it. Calls that return twice or replace the
    // program are made only by probes that go through `process`, or die here.
    let result = unsafe { libc::syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]) };
    if result >= 0 {
        return result;
    }
    -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL))
}

/// Makes a system call that may return in a second process, which ends at once.
pub(super) fn process<const N: usize>(number: i64, arguments: [usize; N]) -> i64 {
    let parent = std::process::id();
    let result = call(number, arguments);
    if std::process::id() != parent {
        std::process::abort();
    }
    result
}

/// The argument for a text.
pub(super) fn text(text: &CStr) -> usize {
    text.as_ptr() as usize
}

/// The argument for a buffer or structure.
pub(super) fn bytes<T>(value: &mut T) -> usize {
    std::ptr::from_mut(value) as usize
}

/// The argument for a constant of the C library, sign and all.
pub(super) fn number(value: i32) -> usize {
    isize::try_from(value).expect("Linux has no 16-bit processors").cast_unsigned()
}
