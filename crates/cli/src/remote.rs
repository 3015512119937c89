//! Buckets of others on the command line: their addresses, how they are opened, and moving files between them, this
//! machine and a node.

mod address;
mod connect;
mod copy;
mod files;
mod filter;
mod meter;
mod node;
mod place;
mod tree;

pub(crate) use address::{AnyAddress, RemoteAddress, RemoteAddressError};
pub(crate) use connect::BucketOptions;
pub(crate) use copy::{Copied, Copier, Room, Task, conclude, copy_many, copy_one, say_unusable};
pub(crate) use files::sweep;
pub(crate) use filter::Filter;
pub(crate) use meter::Meter;
pub(crate) use node::{check_bucket, get, pass_on};
pub(crate) use place::Place;
pub(crate) use tree::{Item, Listed, Opener, StoreOptions, Tree};
