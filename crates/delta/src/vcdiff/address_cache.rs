//! The two caches by which a window writes addresses shortly (RFC 3284, section 5.1), in the sizes of the default table.

use super::WindowFault;
use super::reader::{Reader, number_bytes, push_number};

const NEAR: usize = 4;
const SAME: usize = 3;
const SAME_SLOTS: u64 = SAME as u64 * 256;

/// Modes: the address itself, the distance back from here, the distance from a recent one, a byte that tells a known one.
const MODE_SELF: u8 = 0;
const MODE_HERE: u8 = 1;
const MODE_NEAR: u8 = 2;
const MODE_SAME: u8 = 6;

/// Addresses of a window's last copies. Encoder and decoder move it alike.
#[derive(Debug)]
pub(super) struct AddressCache {
    near: [u64; NEAR],
    next_near: usize,
    same: [u64; SAME * 256],
}

/// How to write an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddressForm {
    pub(super) mode: u8,
    value: u64,
    /// Bytes that the value takes.
    bytes: usize,
}

impl AddressCache {
    pub(super) fn new() -> Self {
        Self { near: [0; NEAR], next_near: 0, same: [0; SAME * 256] }
    }

    /// Reads the address of a copy that stands at `here`.
    #[inline]
    pub(super) fn read(
        &mut self,
        mode: u8,
        here: u64,
        addresses: &mut Reader<'_>,
    ) -> Result<u64, WindowFault> {
        let out_of_range = WindowFault::AddressOutOfRange;
        let address = match mode {
            MODE_SELF => addresses.number()?,
            MODE_HERE => here.checked_sub(addresses.number()?).ok_or(out_of_range)?,
            MODE_NEAR..MODE_SAME => {
                let base = self.near[usize::from(mode - MODE_NEAR) % NEAR];
                base.checked_add(addresses.number()?).ok_or(out_of_range)?
            }
            _ => {
                let slot = usize::from(mode - MODE_SAME) * 256 + usize::from(addresses.byte()?);
                *self.same.get(slot).ok_or(out_of_range)?
            }
        };
        if address >= here {
            return Err(WindowFault::AddressOutOfRange);
        }
        self.remember(address);
        Ok(address)
    }

    /// The shortest form of `address` for a copy that stands at `here`.
    pub(super) fn form(&self, address: u64, here: u64) -> AddressForm {
        let slot = address % SAME_SLOTS;
        if self.same[slot_index(slot)] == address {
            let mode = MODE_SAME + (slot / 256) as u8;
            return AddressForm { mode, value: slot % 256, bytes: 1 };
        }
        let mut best = AddressForm { mode: MODE_SELF, value: address, bytes: number_bytes(address) };
        best = best.or_shorter(MODE_HERE, here - address);
        for (mode, &base) in (MODE_NEAR..).zip(&self.near) {
            if let Some(distance) = address.checked_sub(base) {
                best = best.or_shorter(mode, distance);
            }
        }
        best
    }

    /// Writes the address, and moves the cache as reading it will.
    pub(super) fn write(&mut self, form: AddressForm, address: u64, addresses: &mut Vec<u8>) {
        match u8::try_from(form.value) {
            Ok(slot) if form.mode >= MODE_SAME => addresses.push(slot),
            _ => push_number(addresses, form.value),
        }
        self.remember(address);
    }

    #[inline]
    fn remember(&mut self, address: u64) {
        self.near[self.next_near] = address;
        self.next_near = (self.next_near + 1) % NEAR;
        self.same[slot_index(address % SAME_SLOTS)] = address;
    }
}

impl AddressForm {
    fn or_shorter(self, mode: u8, value: u64) -> Self {
        let bytes = number_bytes(value);
        if bytes < self.bytes { Self { mode, value, bytes } } else { self }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "slots are below 768")]
fn slot_index(slot: u64) -> usize {
    slot as usize
}
