//! `casemate peer`: other nodes that know names.

use std::io::Write as _;
use std::path::PathBuf;

use casemate_api::peers::{PeerName, Peers};
use casemate_ledger::verify::{NameReport, Place, Problem, VerifyError, verify_name};
use casemate_ledger::{NodePublicKey, Standing};
use casemate_model::{Clock as _, Name, RegistryId};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::tables::Column;
use crate::world::SystemClock;

/// Ask other nodes what names mean.
#[derive(Debug, Subcommand)]
pub(crate) enum Peer {
    Status(Show),
    #[command(visible_alias = "list")]
    Ls(Ls),
    Get(Box<Get>),
}

impl Peer {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        match self {
            Self::Status(command) => command.execute(context).await,
            Self::Ls(command) => command.execute(context).await,
            Self::Get(command) => command.execute(context).await,
        }
    }
}

/// Show who this node is among peers, and what others have to write into their configuration to know it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate peer status
  casemate peer status --json")]
pub(crate) struct Show {}

impl Show {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (peers, output) = (context.client()?.peers_show().await?, context.output);
        if output.json() {
            output.value(&peers)?;
            return Ok(Status::Done);
        }
        let connected = peers.peers.iter().filter(|peer| peer.connected).count();
        let mut fields = vec![("peer", peers.id.clone())];
        fields.extend(peers.listening.iter().map(|address| ("listens", address.clone())));
        fields.push(("connected", format!("{connected} of {}", peers.peers.len())));
        fields.push(("proofs", format!("{} in {} bytes", peers.proofs, peers.bytes)));
        fields.extend(registries(&peers));
        output.fields(&fields)?;
        Ok(Status::Done)
    }
}

/// Each as it is written into a configuration, and how old at most what is known of it is.
fn registries(peers: &Peers) -> Vec<(&'static str, String)> {
    let lines = peers.registries.iter().flat_map(|registry| {
        let age = match registry.age_ms {
            Some(age) => format!("  seen whole {} s ago", age / 1_000),
            None => String::new(),
        };
        registry.keys.iter().map(move |key| ("registry", format!("{} {key}{age}", registry.id)))
    });
    lines.collect()
}

/// List peers: those that are configured, and those that are connected.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate peer ls
  casemate peer ls --json")]
pub(crate) struct Ls {}

impl Ls {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (peers, output) = (context.client()?.peers_show().await?.peers, context.output);
        if output.json() {
            output.value(&peers)?;
            return Ok(Status::Done);
        }
        if peers.is_empty() {
            output.note("no peers; `peers.own` and `peers.known` of the configuration name them");
        }
        let rows = peers.into_iter().map(|peer| {
            let connected = if peer.connected { "connected" } else { "away" };
            let address = peer.address.unwrap_or_default();
            vec![peer.id, peer.standing.as_str().to_owned(), connected.to_owned(), address]
        });
        let columns =
            [Column::Text("peer"), Column::Text("standing"), Column::Text("state"), Column::Text("address")];
        output.rows(&columns, rows.collect())?;
        Ok(Status::Done)
    }
}

/// Ask peers what a name means, and check what they say.
///
/// That nobody knows a name does not mean that it is free: only its registry can say that.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate peer get wordcount.tools
  casemate peer get wordcount.tools --max-age 60
  casemate peer get wordcount.tools --registry 00112233445566778899aabbccddeeff --proof wordcount.proof
  casemate verify wordcount.proof")]
pub(crate) struct Get {
    /// The name.
    name: Name,
    /// The registry whose name it is; may be left out if the node knows only one.
    #[arg(long, value_name = "ID")]
    registry: Option<RegistryId>,
    /// How many seconds old the answer may be at most; what is not known to be younger is refused.
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    /// The key of the registry's log, if you know it; else the keys that the node's configuration has are believed.
    #[arg(long, value_name = "KEY")]
    key: Option<NodePublicKey>,
    /// Where to keep the proof.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

impl Get {
    async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output) = (context.client()?, context.output);
        let registry = self.registry.map(|registry| registry.to_string());
        let found = client.peers_resolve(self.name.as_str(), registry.as_deref(), self.max_age).await?;
        // Once more, here: what came over the wire is nobody's word but the proof's.
        let refused =
            |source| CliError::Refused { what: format!("what peers say of `{}`", self.name), source };
        let report = verify_name(found.proof.as_bytes(), self.key.as_ref(), None).map_err(refused)?;
        let is_wanted = report.record.name == self.name
            && self.registry.is_none_or(|registry| report.record.registry == registry);
        if !is_wanted || !is_proved(&found, &report) {
            return Err(refused(VerifyError { place: Place::Record, problem: Problem::Differs }));
        }
        if let Some(path) = &self.proof {
            let what = format!("`{}`", path.display());
            let mut file = casemate_fs::create_user_file(path)?;
            file.write_all(found.proof.as_bytes()).map_err(|source| CliError::Write { what, source })?;
            file.commit()?;
        }
        if output.json() {
            output.value(&found)?;
        } else {
            output.fields(&fields(&found, &report.key.to_string()))?;
        }
        Ok(Status::Done)
    }
}

/// Whether an answer says what its proof says. What may not be used may be left out.
fn is_proved(found: &PeerName, report: &NameReport) -> bool {
    let record = &report.record;
    let is_stopped = record.standing != Standing::Good || SystemClock.now() >= record.expires;
    let digest = record.digest.map(|digest| digest.to_string());
    let dns = found.dns.as_ref().map(|dns| (dns.ttl, dns.records.clone()));
    let records = record.dns.records().iter().map(ToString::to_string).collect();
    found.name == record.name.to_string()
        && found.registry == record.registry.to_string()
        && found.project == record.project.to_string()
        && (found.epoch, found.sequence) == (record.epoch, record.sequence)
        && found.change.as_str() == record.change.as_str()
        && found.entered == report.entered.to_string()
        && found.expires == record.expires.to_string()
        && (found.digest == digest || (is_stopped && found.digest.is_none()))
        && (dns == Some((record.dns.ttl(), records)) || (dns.is_none() && (is_stopped || digest.is_none())))
}

fn fields(found: &PeerName, key: &str) -> Vec<(&'static str, String)> {
    let known = match found.resolution.age_ms {
        Some(age) => format!("{}, {} ms old at most", found.resolution.kind.as_str(), age),
        None => format!("{}: there may be a newer version", found.resolution.kind.as_str()),
    };
    let mut fields = vec![
        ("name", found.name.clone()),
        ("registry", found.registry.clone()),
        ("log", key.to_owned()),
        ("project", found.project.clone()),
        ("version", format!("{} ({})", found.sequence, found.change.as_str())),
        ("digest", found.digest.clone().unwrap_or_else(|| "none".to_owned())),
    ];
    let dns = found.dns.iter().flat_map(|dns| &dns.records);
    fields.extend(dns.map(|record| ("dns", record.clone())));
    fields.extend([
        ("entered", found.entered.clone()),
        ("expires", found.expires.clone()),
        ("known", known),
        ("copies", format!("{} good, {} refused", found.copies, found.refused)),
    ]);
    fields
}
