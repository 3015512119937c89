//! Changes that owners sign: drafted by the node, looked at here, signed with keys of the user, handed in.

use casemate_api::Client;
use casemate_api::names::{DraftName, Name, NameChange, NameRecord as Wire};
use casemate_ledger::{OwnerKey, OwnerPublicKey, SignedNameRecord};
use casemate_model::{Name as NameText, Tag};
use clap::Args;
use data_encoding::BASE64;

use crate::owner_keys::{OwnerKeys, StoredKey};
use crate::report::CliError;
use crate::secret_line::secret_line;

use super::drafts::drafted;

/// The keys that a name is to have.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct KeyOptions {
    /// Have this key of yours own the name: its changes need its signature from then on.
    #[arg(long, value_name = "KEY")]
    pub(super) owner_key: Option<Tag>,
    /// Have this key name another owner if that one is lost: one of yours, or the text of a public key.
    #[arg(long, value_name = "KEY", requires = "owner_key")]
    pub(super) recovery_key: Option<String>,
}

/// The public keys that were named.
pub(super) struct NamedKeys {
    pub(super) owner: Option<OwnerPublicKey>,
    pub(super) recovery: Option<OwnerPublicKey>,
}

impl KeyOptions {
    pub(super) fn named(&self) -> Result<NamedKeys, CliError> {
        let owner = self.owner_key.as_ref().map(own_key).transpose()?;
        let recovery = self.recovery_key.as_deref().map(public_key).transpose()?;
        Ok(NamedKeys { owner, recovery })
    }
}

/// The public half of one of the user's keys.
pub(super) fn own_key(name: &Tag) -> Result<OwnerPublicKey, CliError> {
    let stored = OwnerKeys::open()?.find(name)?;
    stored.ok_or_else(|| CliError::NoOwnerKey { name: name.to_string() })?.public_key()
}

/// A public key by its text, or by the name of one of the user's.
pub(super) fn public_key(text: &str) -> Result<OwnerPublicKey, CliError> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let name: Tag = text.parse().map_err(|_| CliError::NoOwnerKey { name: text.to_owned() })?;
    own_key(&name)
}

/// A draft of a change, with nothing else said.
pub(super) fn draft(change: NameChange) -> DraftName {
    DraftName {
        change,
        digest: None,
        dns: None,
        tags: None,
        to: None,
        owner: None,
        recovery: None,
        successor: None,
    }
}

/// The key that a name's changes need a signature by, if they do.
pub(super) fn owner_of(held: &Name) -> Result<Option<OwnerPublicKey>, CliError> {
    parsed_key(held.owner.as_ref())
}

/// A key of a name as the node has told it.
pub(super) fn parsed_key(text: Option<&String>) -> Result<Option<OwnerPublicKey>, CliError> {
    let parse = |text: &String| text.parse().map_err(|_| CliError::OddAnswer { what: "the key of a name" });
    text.map(parse).transpose()
}

/// Has a change drafted, signs it with `signers`, which must be among the user's keys, and hands it in.
pub(super) async fn sign(
    client: &Client,
    name: &NameText,
    wanted: &DraftName,
    signers: &[OwnerPublicKey],
) -> Result<Name, CliError> {
    sign_revealing(client, name, wanted, signers, None).await
}

/// The same for a claim, which may reveal the nonce of a commitment.
pub(super) async fn sign_revealing(
    client: &Client,
    name: &NameText,
    wanted: &DraftName,
    signers: &[OwnerPublicKey],
    nonce: Option<String>,
) -> Result<Name, CliError> {
    let stored = stored_keys(signers)?;
    let record = drafted(&client.names_draft(name.as_str(), wanted).await?, name, wanted)?;
    let mut signatures = Vec::new();
    for key in stored {
        signatures.push(record.sign(&unlocked(key).await?));
    }
    let signed = SignedNameRecord::new(record, signatures);
    Ok(client.names_sign(&Wire { record: BASE64.encode(&signed.encode()), nonce }).await?)
}

fn stored_keys(signers: &[OwnerPublicKey]) -> Result<Vec<StoredKey>, CliError> {
    let keys = OwnerKeys::open()?;
    let mut stored: Vec<StoredKey> = Vec::new();
    for signer in signers {
        let key = keys.of(signer)?;
        let key = key.ok_or_else(|| CliError::NoOwnerKey { name: signer.fingerprint().to_string() })?;
        if stored.iter().all(|other| other.public != key.public) {
            stored.push(key);
        }
    }
    Ok(stored)
}

/// Opens a key with the passphrase that the user gives.
async fn unlocked(key: StoredKey) -> Result<OwnerKey, CliError> {
    let opening = move || {
        let passphrase = secret_line(&format!("Passphrase of the key {}: ", key.name))?;
        key.unlock(&passphrase)
    };
    tokio::task::spawn_blocking(opening).await.expect("opening a key does not panic")
}
