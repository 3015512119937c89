//! A guest of some hundred bytes, made by the compiler's own assembler: no kernel to fetch, and it starts in milliseconds.
#![expect(unsafe_code, reason = "what the assembler has made is found by its symbols")]

use std::ptr::addr_of;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(include_str!("test_support/guest.s"), options(att_syntax));

/// What the guest says first.
pub const GREETING: &str = "casemate guest ready\n";

/// Where its code is put, which it relies on.
const LOAD: u32 = 0x10_0000;
/// The entry of a kernel that wants 32-bit mode without paging (Xen's x86/HVM direct boot ABI).
const NOTE_KIND: u32 = 18;

const HEADER_BYTES: u32 = 52;
const SEGMENT_BYTES: u32 = 32;
/// With four bytes of nothing, as QEMU reads the address of the entry in eight.
const NOTE_BYTES: u32 = 24;
const CODE_AT: u32 = HEADER_BYTES + 2 * SEGMENT_BYTES + NOTE_BYTES;

unsafe extern "C" {
    static casemate_guest_start: u8;
    static casemate_guest_end: u8;
}

/// The guest as a kernel that QEMU starts by itself.
pub fn guest() -> Vec<u8> {
    let code = code();
    let len = u32::try_from(code.len()).expect("the guest has some hundred bytes");
    let mut image = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // An executable of i386, of the one version.
    half(&mut image, &[2, 3]);
    words(&mut image, &[1, LOAD, HEADER_BYTES, 0, 0]);
    half(&mut image, &[52, 32, 2, 0, 0, 0]);
    // Its code, which is read, written and run; and the note.
    words(&mut image, &[1, CODE_AT, LOAD, LOAD, len, len, 7, 4]);
    words(&mut image, &[4, CODE_AT - NOTE_BYTES, 0, 0, NOTE_BYTES, NOTE_BYTES, 4, 4]);
    words(&mut image, &[4, 4, NOTE_KIND, u32::from_le_bytes(*b"Xen\0"), LOAD, 0]);
    image.extend_from_slice(code);
    image
}

fn code() -> &'static [u8] {
    let (start, end) = (addr_of!(casemate_guest_start), addr_of!(casemate_guest_end));
    // SAFETY: the symbols are the beginning and the end of one piece of read-only data, which the assembler has put there in
    // this order, and which lives as long as the program.
    unsafe { std::slice::from_raw_parts(start, end.offset_from_unsigned(start)) }
}

fn half(image: &mut Vec<u8>, values: &[u16]) {
    image.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn words(image: &mut Vec<u8>, values: &[u32]) {
    image.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
