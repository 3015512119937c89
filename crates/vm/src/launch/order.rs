use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

use super::Cell;

/// Most descriptors of a machine. The kernel takes 253 at once.
pub(crate) const DESCRIPTORS_MAX: usize = 128;
/// Most bytes of an order: some thousands are usual.
const ORDER_BYTES_MAX: usize = 128 << 10;
/// Most bytes of a reply.
const REPLY_BYTES_MAX: usize = 8 << 10;

/// What a launcher is to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The program, an absolute path.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The user that the process becomes, if it may.
    pub(crate) uid: u32,
    /// How many of the first descriptors are bound sockets that it is to listen on.
    pub(crate) listeners: usize,
    /// Whether it uses the device of KVM.
    pub(crate) kvm: bool,
    /// Private memory, in bytes.
    pub(crate) data_bytes: u64,
    /// The longest file that it may make, in bytes.
    pub(crate) file_bytes: u64,
}

/// What a launcher says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The walls stand. The next is silence, when it has become QEMU.
    Raised(Cell),
    /// Something failed.
    Failed(String),
}

/// Sends an order with its descriptors, as one packet.
pub(crate) fn send(channel: &OwnedFd, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let packet = serde_json::to_vec(order)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = packet.len() <= ORDER_BYTES_MAX
        && descriptors.len() <= DESCRIPTORS_MAX
        && control.push(SendAncillaryMessage::ScmRights(descriptors));
    if !fits {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the machine has too many parts"));
    }
    rustix::net::sendmsg(channel, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives an order with its descriptors, which get the lowest free numbers.
pub(super) fn receive(channel: BorrowedFd<'_>) -> io::Result<(Order, Vec<OwnedFd>)> {
    let mut packet = vec![0; ORDER_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::net::recvmsg(channel, &mut [IoSliceMut::new(&mut packet)], &mut control, RecvFlags::empty())?;
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the order was cut"));
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok((serde_json::from_slice(&packet[..received.bytes])?, descriptors))
}

/// Sends a reply, as one packet.
pub(super) fn reply(channel: BorrowedFd<'_>, reply: &Reply) -> io::Result<()> {
    let mut packet = serde_json::to_vec(reply)?;
    packet.truncate(REPLY_BYTES_MAX);
    rustix::net::send(channel, &packet, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Reads the next reply; nothing when the launcher is none any more.
pub(super) fn read_reply(channel: BorrowedFd<'_>) -> io::Result<Option<Reply>> {
    let mut packet = [0; REPLY_BYTES_MAX];
    let (_, bytes) = rustix::net::recv(channel, &mut packet, RecvFlags::empty())?;
    if bytes == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&packet[..bytes])?))
}
