//! Short texts that are kept with a file rather than in it: extended attributes of the `user` kind.

use std::os::fd::BorrowedFd;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::{File, FsError};

/// The label of an open file; none if it has none of that name, or its file system has no labels. One of more than
/// 4 KiB is refused.
pub fn label(file: &File, name: &str) -> Result<Option<Vec<u8>>, FsError> {
    let name = format!("user.{name}");
    let mut value = vec![0; LABEL_BYTES_MAX];
    match rustix::fs::fgetxattr(file, &name, value.as_mut_slice()) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(errno) => Err(FsError::io("read the label of", name, errno)),
    }
}

pub(crate) fn set(file: BorrowedFd<'_>, name: &str, value: &[u8]) -> rustix::io::Result<()> {
    rustix::fs::fsetxattr(file, format!("user.{name}"), value, XattrFlags::empty())
}

/// What the common file systems keep of all labels of a file together.
const LABEL_BYTES_MAX: usize = 4096;
