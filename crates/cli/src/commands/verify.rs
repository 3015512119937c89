mod log_directory;
mod node;
mod objects;
mod progress;
mod words;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use casemate_fs::File;
use casemate_ledger::verify::{
    LogReport, NameReport, Place, Problem, Report, VerifyError, level_of, split_bundles, verify_bundle,
    verify_log, verify_name,
};
use casemate_ledger::{Bundle, Checkpoint, NameBundle, NodePublicKey, WitnessPublicKey};
use casemate_model::{Digest, Hasher};
use clap::Args;

use crate::address::Address;
use crate::context::Context;
use crate::known::{Known, Memory};
use crate::remote::{AnyAddress, BucketOptions, RemoteAddress};
use crate::report::{CliError, Status};
use crate::stdin::read_file_or_stdin;

use log_directory::LogDirectory;
pub(super) use words::{Trust, say_log};

/// Most bytes of a file with a public key.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;

/// Check receipts, proofs of names and whole logs, without node or network, or the content of buckets.
///
/// A receipt is checked with everything in its file: the node's signature, the log entry that names it, the proof
/// that the log holds the entry, and the log's signed checkpoint. A log is derived anew from its entries.
///
/// The first time, the node's key is believed and remembered; from then on another key, a log that went back in time
/// or one with another history is refused. Name the key with --key to believe nobody.
///
/// Of s3://, gs://, az:// and file:///DIRECTORY//KEY, every object below the address is read and compared with its hash; it
/// is `unproven` if it can be read and nothing says what its hash should be. Of cm://BUCKET/PREFIX, the node reads them, and sets aside what is damaged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate verify receipt.txt
  casemate verify receipt.txt --output result.png      and that this file is what the run gave
  casemate verify receipt.txt --key node.pub           and that exactly this node signed it
  casemate verify wordcount.proof                      what a name means
  casemate verify --log /srv/casemate/log              a whole log, such as a copy of a node's
  casemate verify s3://releases/app/app-1.4.zip        an object of a bucket elsewhere
  casemate verify s3://releases                        all objects of it
  casemate verify s3://releases --resume               the rest of them, after a break
  casemate verify cm://builds/app/                     objects of a node

Ends with code 0 if everything holds, with 1 and the place named if anything does not.")]
pub(crate) struct Verify {
    /// Files with receipts or proofs of names, as `casemate task receipt` and `casemate name proof` write them; `-` for standard input. Or addresses such as
    /// s3://BUCKET/KEY or cm://BUCKET/KEY.
    #[arg(value_name = "FILE", required_unless_present = "log")]
    files: Vec<PathBuf>,
    /// A file that is said to be an output of the run.
    #[arg(long, value_name = "FILE", requires = "files")]
    output: Option<PathBuf>,
    /// The node's public key: its text, or a file that holds it.
    #[arg(long, value_name = "KEY|FILE")]
    key: Option<String>,
    /// The key of a witness that must have cosigned the log's checkpoint; give it several times for several.
    #[arg(long = "witness", value_name = "KEY", requires = "files")]
    witnesses: Vec<WitnessPublicKey>,
    /// A directory with a whole log.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Neither use nor keep what was seen before.
    #[arg(long)]
    no_remember: bool,
    /// Go on with a check of a bucket elsewhere that was broken off: what it checked and has not changed since is not
    /// read again.
    #[arg(long)]
    resume: bool,
    /// Where that is remembered; a file of the user's state directory otherwise, which goes when the check is done.
    #[arg(long, value_name = "FILE", requires = "files")]
    state: Option<PathBuf>,
    #[command(flatten)]
    buckets: BucketOptions,
}

impl Verify {
    pub(crate) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (objects, files) = self.sorted()?;
        self.refuse_shared_state(&objects)?;
        let status = self.verify_objects(context, &objects).await?;
        if files.is_empty() && self.log.is_none() {
            return Ok(status);
        }
        self.verify_offline(context, &files)?;
        Ok(status)
    }

    /// What was named, by what it is.
    fn sorted(&self) -> Result<(Vec<AnyAddress>, Vec<&Path>), CliError> {
        let (mut objects, mut files) = (Vec::new(), Vec::new());
        let is_address = |text: &&str| RemoteAddress::is_meant_by(text) || Address::is_meant_by(text);
        for file in &self.files {
            match file.to_str().filter(is_address) {
                Some(text) if Address::is_meant_by(text) => objects.push(AnyAddress::Node(text.parse()?)),
                Some(text) => objects.push(AnyAddress::Remote(text.parse()?)),
                None => files.push(file.as_path()),
            }
        }
        Ok((objects, files))
    }

    fn verify_offline(&self, context: &Context, files: &[&Path]) -> Result<(), CliError> {
        let memory = if self.no_remember { Memory::none() } else { Memory::open()? };
        let pinned = self.key.as_deref().map(read_key).transpose()?;
        let given = match &self.output {
            Some(path) => Some(digest_of(path)?),
            None => None,
        };
        for file in files {
            let (what, bytes) = read_file_or_stdin(file, Bundle::BYTES_MAX as u64)?;
            if NameBundle::is_meant_by(&bytes) {
                let (report, trust) = check_name(&what, &bytes, pinned.as_ref(), &memory)?;
                self.check_witnesses(context, &what, &report.checkpoint)?;
                words::say_name(context.output, &what, &report, trust)?;
                continue;
            }
            let mut reports = Vec::new();
            for bundle in split_bundles(&bytes) {
                reports.push(check_bundle(&what, bundle, pinned.as_ref(), given.as_ref(), &memory)?);
            }
            let (reports, trust): (Vec<Report>, Vec<Trust>) = reports.into_iter().unzip();
            for report in &reports {
                self.check_witnesses(context, &what, &report.checkpoint)?;
            }
            let level =
                level_of(&reports).map_err(|source| CliError::Refused { what: what.clone(), source })?;
            words::say_receipts(context.output, (&what, level), &reports, &trust)?;
        }
        if let Some(directory) = &self.log {
            let what = directory.display().to_string();
            let source = LogDirectory::open(directory)?;
            let (origin, pinned) = (source.origin()?, pinned.as_ref());
            let (report, trust) = check_log(&what, &source, &origin, pinned, &memory)?;
            say_log(context.output, &what, &report, &trust)?;
        }
        Ok(())
    }
}

impl Verify {
    /// Checks that each of the witnesses that were named has seen the checkpoint.
    fn check_witnesses(
        &self,
        context: &Context,
        what: &str,
        checkpoint: &Checkpoint,
    ) -> Result<(), CliError> {
        for witness in &self.witnesses {
            let name = witness.name();
            let at = witness.witnessed(checkpoint).ok_or_else(|| CliError::Refused {
                what: what.to_owned(),
                source: VerifyError {
                    place: Place::Checkpoint,
                    problem: Problem::NotWitnessed { witness: name.to_owned() },
                },
            })?;
            context
                .output
                .note(&format!("{what}: {name} saw a log of {} entries at {at}", checkpoint.size()));
        }
        Ok(())
    }
}

/// Checks a receipt's file against what is known of its node, and remembers what was seen.
pub(super) fn check_bundle(
    what: &str,
    bytes: &[u8],
    pinned: Option<&NodePublicKey>,
    output: Option<&Digest>,
    memory: &Memory,
) -> Result<(Report, Trust), CliError> {
    let refused = |source: VerifyError| CliError::Refused { what: what.to_owned(), source };
    let origin = Bundle::parse(bytes).map_err(refused)?.key().origin().to_owned();
    let known = memory.recall(&origin)?;
    let key = pinned.or(known.as_ref().map(|known| &known.key));
    let checkpoint = comparable(known.as_ref(), key);
    let report = verify_bundle(bytes, key, output, checkpoint).map_err(refused)?;
    let trust = Trust::of(pinned, known.as_ref(), memory)?;
    memory.remember(&Known { key: report.key.clone(), checkpoint: report.checkpoint.clone() })?;
    Ok((report, trust))
}

/// Checks the proof of a name against what is known of its node, and remembers what was seen.
fn check_name(
    what: &str,
    bytes: &[u8],
    pinned: Option<&NodePublicKey>,
    memory: &Memory,
) -> Result<(NameReport, Trust), CliError> {
    let refused = |source: VerifyError| CliError::Refused { what: what.to_owned(), source };
    let origin = NameBundle::parse(bytes).map_err(refused)?.key().origin().to_owned();
    let known = memory.recall(&origin)?;
    let key = pinned.or(known.as_ref().map(|known| &known.key));
    let report = verify_name(bytes, key, comparable(known.as_ref(), key)).map_err(refused)?;
    let trust = Trust::of(pinned, known.as_ref(), memory)?;
    memory.remember(&Known { key: report.key.clone(), checkpoint: report.checkpoint.clone() })?;
    Ok((report, trust))
}

/// Checks a whole log against what is known of its node, and remembers what was seen.
pub(super) fn check_log(
    what: &str,
    source: &dyn casemate_ledger::TileSource,
    origin: &str,
    pinned: Option<&NodePublicKey>,
    memory: &Memory,
) -> Result<(LogReport, Trust), CliError> {
    let known = memory.recall(origin)?;
    let key = pinned.or(known.as_ref().map(|known| &known.key));
    let key = key.ok_or_else(|| CliError::KeyUnknown { what: what.to_owned() })?;
    let checkpoint = comparable(known.as_ref(), Some(key));
    let report = verify_log(source, key, checkpoint)
        .map_err(|source| CliError::Refused { what: what.to_owned(), source })?;
    let trust = Trust::of(pinned, known.as_ref(), memory)?;
    memory.remember(&Known { key: key.clone(), checkpoint: report.checkpoint.clone() })?;
    Ok((report, trust))
}

/// The remembered checkpoint, if the key that is believed signed it.
fn comparable<'k>(known: Option<&'k Known>, key: Option<&NodePublicKey>) -> Option<&'k Checkpoint> {
    known.filter(|known| key == Some(&known.key)).map(|known| &known.checkpoint)
}

/// Reads a public key from its text, or from a file that holds it.
fn read_key(text: &str) -> Result<NodePublicKey, CliError> {
    let mistake = match text.parse::<NodePublicKey>() {
        Ok(key) => return Ok(key),
        Err(mistake) => mistake,
    };
    let path = Path::new(text);
    let bytes = match casemate_fs::read_config_file(path, KEY_FILE_BYTES_MAX) {
        // Keys have plus signs: it was meant as one.
        Err(error) if error.is_not_found() && text.contains('+') => return Err(mistake.into()),
        bytes => bytes?,
    };
    let text = String::from_utf8(bytes).map_err(|_| CliError::NotText { path: path.to_owned() })?;
    Ok(text.trim().parse::<NodePublicKey>()?)
}

fn digest_of(path: &Path) -> Result<Digest, CliError> {
    let mut file: File = casemate_fs::read_user_file(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer);
        match read.map_err(|source| CliError::Input { what: format!("`{}`", path.display()), source })? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
