//! Wire types, problem codes and the typed client of the HTTP API, version 1.
//!
//! One module per resource holds what requests and answers look like in JSON: texts and numbers, no rules. The server
//! turns them into domain types, where the rules are; the console and other programs get them from the OpenAPI
//! document that is made from these types. [`Client`] has one method per operation.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod client;

pub mod audit;
pub mod certificates;
pub mod events;
pub mod factors;
pub mod functions;
pub mod health;
pub mod keys;
pub mod limits;
pub mod names;
pub mod nodes;
pub mod objects;
pub mod page;
pub mod peers;
pub mod problem;
pub mod proofs;
pub mod relays;
pub mod schedules;
pub mod session;
pub mod tasks;
pub mod tls;
pub mod users;
pub mod webhooks;

pub use client::{
    AccessTokens, BaseUrl, BaseUrlError, Client, ClientError, Connect, Download, Event, Events, NamesWanted,
    PageRequest, TaskEvent, TaskEvents, TaskStream, Trust, TrustError, Upload, ValueBefore,
};
pub use page::Page;
pub use problem::{Problem, ProblemCode};

/// The version of Casemate, which is the version of every one of its crates.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the API begins, on any host.
pub const BASE_PATH: &str = "/api/v1";
