//! One file per command; a command with subcommands has them all in its file.

mod audit;
mod bucket;
mod cache;
mod completions;
mod config;
mod cp;
mod db;
mod diff;
mod doctor;
mod du;
mod fsck;
mod function;
mod key;
mod limit;
mod login;
mod ls;
mod migrate;
mod mv;
mod name;
mod node;
mod node_options;
mod peer;
mod pepper;
mod proof;
mod purge;
mod relay;
mod rescue;
mod restore;
mod rm;
mod role;
mod run;
mod schedule;
mod serve;
mod share;
mod stat;
mod stats;
mod sync;
mod task;
mod tour;
mod transfer_options;
mod user;
mod verify;
mod webhook;
mod witness;

use clap::Subcommand;

pub(crate) use cp::media_type_of;

use crate::context::Context;
use crate::report::{CliError, Status};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Tour(tour::Tour),
    Run(run::Run),
    #[command(subcommand)]
    Task(task::Task),
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    #[command(subcommand)]
    Proof(proof::Proof),
    Cp(cp::Cp),
    Ls(ls::Ls),
    Rm(rm::Rm),
    Stat(stat::Stat),
    Mv(mv::Mv),
    Sync(sync::Sync),
    Migrate(migrate::Migrate),
    Diff(diff::Diff),
    Du(du::Du),
    Stats(stats::Stats),
    Restore(restore::Restore),
    Share(share::Share),
    #[command(subcommand)]
    Bucket(bucket::Bucket),
    Rescue(rescue::Rescue),
    Purge(purge::Purge),
    #[command(subcommand)]
    Cache(cache::Cache),
    #[command(subcommand, name = "fn")]
    Function(function::Function),
    #[command(subcommand)]
    Name(name::Name),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Peer(peer::Peer),
    #[command(subcommand)]
    Relay(relay::Relay),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Role(role::Role),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Limit(limit::Limit),
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    #[command(subcommand)]
    Witness(witness::Witness),
    Login(login::Login),
    Logout(login::Logout),
    #[command(subcommand)]
    Audit(audit::Audit),
    Verify(verify::Verify),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Db(db::Db),
    Fsck(fsck::Fsck),
    #[command(subcommand)]
    Pepper(pepper::Pepper),
    Completions(completions::Completions),
}

impl Command {
    /// Whether it ends by itself when a signal comes: it stops a node, or cancels a task.
    pub(crate) const fn heeds_signals(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Tour(_) | Self::Run(_) | Self::Task(_) | Self::Relay(_) => true,
            Self::Witness(_) => true,
            Self::Node(command) => command.heeds_signals(),
            _ => false,
        }
    }

    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Serve(command) => command.execute(context).await,
            Self::Tour(command) => command.execute(context).await,
            Self::Run(command) => command.execute(context).await,
            Self::Task(command) => command.execute(context).await,
            Self::Schedule(command) => command.execute(context).await,
            Self::Proof(command) => command.execute(context).await,
            Self::Cp(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Rm(command) => command.execute(context).await,
            Self::Stat(command) => command.execute(context).await,
            Self::Mv(command) => command.execute(context).await,
            Self::Sync(command) => command.execute(context).await,
            Self::Migrate(command) => command.execute(context).await,
            Self::Diff(command) => command.execute(context).await,
            Self::Du(command) => command.execute(context).await,
            Self::Stats(command) => command.execute(context).await,
            Self::Restore(command) => command.execute(context).await,
            Self::Share(command) => command.execute(context).await,
            Self::Bucket(command) => command.execute(context).await,
            Self::Rescue(command) => command.execute(context).await,
            Self::Purge(command) => command.execute(context).await,
            Self::Cache(command) => command.execute(context),
            Self::Function(command) => command.execute(context).await,
            Self::Name(command) => command.execute(context).await,
            Self::Node(command) => command.execute(context).await,
            Self::Peer(command) => command.execute(context).await,
            Self::Relay(command) => command.execute(context).await,
            Self::User(command) => command.execute(context).await,
            Self::Role(command) => command.execute(context).await,
            Self::Key(command) => command.execute(context).await,
            Self::Limit(command) => command.execute(context).await,
            Self::Webhook(command) => command.execute(context).await,
            Self::Witness(command) => command.execute(context).await,
            Self::Login(command) => command.execute(context).await,
            Self::Logout(command) => command.execute(context).await,
            Self::Audit(command) => command.execute(context).await,
            Self::Verify(command) => command.execute(context).await,
            Self::Doctor(command) => command.execute(context).await,
            Self::Config(command) => command.execute(context),
            Self::Db(command) => command.execute(context).await,
            Self::Fsck(command) => command.execute(context).await,
            Self::Pepper(command) => command.execute(context).await,
            Self::Completions(command) => command.execute(context),
        }
    }
}
