use casemate_api::nodes::{Capabilities, JoinNode, JoinedNode, RotateNode};
use casemate_api::{BaseUrl, Client, Trust};
use casemate_fs::Dir;
use casemate_identity::ed25519_request;
use casemate_ledger::NodeKey;
use casemate_model::{Entropy, NodeName, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::NodeError;

/// Where the seed of the node's key lies, which is private. There are two places, so that the next key lies beside the present one
/// until the server is known to have it.
const KEYS: [&str; 2] = ["node.key", "node-2.key"];
/// What the server said when the machine joined.
const MEMBER: &str = "node.json";
/// Most bytes of that.
const MEMBER_BYTES_MAX: u64 = 256 << 10;

/// What a machine knows of the server that it has joined.
pub struct Membership {
    directory: Dir,
    seed: Zeroizing<[u8; 32]>,
    kept: Kept,
}

/// What is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The node's id.
    node: String,
    /// Its name.
    name: String,
    /// The listener of mutual TLS.
    url: String,
    /// The node's certificate, in PEM.
    certificate: String,
    /// The roots by which the listener is checked, in PEM.
    roots: String,
    /// From when on to get another certificate.
    renew_after: String,
    /// Whether its key lies in the second place.
    #[serde(default)]
    second_key: bool,
    /// Whether the key in the other place is to be the node's, and the server may believe already that it is.
    #[serde(default)]
    rotating: bool,
}

/// Joins the server behind `client`, which is at `url`, and keeps what it says in `directory`.
pub async fn join(
    (client, url): (&Client, &BaseUrl),
    directory: &Dir,
    (token, name): (String, &NodeName),
    capabilities: Capabilities,
    entropy: &dyn Entropy,
) -> Result<Membership, NodeError> {
    match Membership::open(directory) {
        Ok(there) => return Err(NodeError::Joined { name: there.kept.name }),
        Err(NodeError::NotJoined) => {}
        Err(error) => return Err(error),
    }
    let seed = seed(directory, entropy)?;
    let (request, _) = ed25519_request(&seed);
    let wanted = JoinNode { token, name: name.to_string(), request, capabilities };
    let joined = client.nodes_join(&wanted).await?;
    let url = url.with_port(joined.port);
    let membership = Membership { directory: directory.clone(), seed, kept: kept(joined, url) };
    membership.keep()?;
    Ok(membership)
}

impl Membership {
    /// Reads what was kept when the machine joined.
    pub fn open(directory: &Dir) -> Result<Self, NodeError> {
        let text = match directory.read_private(MEMBER, MEMBER_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Err(NodeError::NotJoined),
            Err(error) => return Err(error.into()),
        };
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| NodeError::Damaged { file: MEMBER })?;
        let seed = read_seed(directory, KEYS[usize::from(kept.second_key)])?;
        Ok(Self { directory: directory.clone(), seed, kept })
    }

    /// The node's id.
    pub fn id(&self) -> &str {
        &self.kept.node
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.kept.name
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.kept.url
    }

    /// The key that receipts are signed with.
    pub(crate) fn key(&self) -> NodeKey {
        NodeKey::from_seed(&self.seed)
    }

    /// A client of the server, as this node.
    pub(crate) fn client(&self) -> Result<Client, NodeError> {
        let Kept { url, certificate, roots, .. } = &self.kept;
        let (_, private_key) = ed25519_request(&self.seed);
        let trust = Trust::in_pem_as(roots.as_bytes(), certificate.as_bytes(), private_key.as_bytes())?;
        let url = BaseUrl::parse(url).map_err(|_| NodeError::Damaged { file: MEMBER })?;
        Ok(Client::remote(url, trust, None))
    }

    /// From when on there is another certificate to get.
    pub(crate) fn renew_after(&self) -> Result<Timestamp, NodeError> {
        self.kept.renew_after.parse().map_err(|_| NodeError::Damaged { file: MEMBER })
    }

    /// Gets another certificate, for the same key.
    pub(crate) async fn renew(&mut self) -> Result<(), NodeError> {
        let (request, _) = ed25519_request(&self.seed);
        self.take_certificate(request, self.kept.second_key).await
    }

    /// Whether a [rotation](Self::rotate) was cut off.
    pub fn is_rotating(&self) -> bool {
        self.kept.rotating
    }

    /// Gets a certificate for another key, and signs with that from now on. One that was cut off goes on with the key that it had
    /// made, as the server may know that already.
    pub async fn rotate(&mut self, entropy: &dyn Entropy) -> Result<(), NodeError> {
        let second_key = !self.kept.second_key;
        let place = KEYS[usize::from(second_key)];
        if !self.kept.rotating {
            let mut seed = Zeroizing::new([0; 32]);
            entropy.fill(seed.as_mut_slice());
            self.directory.replace(place, seed.as_slice())?;
            self.kept.rotating = true;
            self.keep()?;
        }
        let seed = read_seed(&self.directory, place)?;
        let (request, _) = ed25519_request(&seed);
        self.take_certificate(request, second_key).await?;
        self.seed = seed;
        self.directory.remove_file(KEYS[usize::from(!second_key)])?;
        Ok(())
    }

    async fn take_certificate(&mut self, request: String, second_key: bool) -> Result<(), NodeError> {
        let joined = self.client()?.work_certificate(&RotateNode { request }).await?;
        self.kept = Kept { second_key, ..kept(joined, self.kept.url.clone()) };
        self.keep()
    }

    fn keep(&self) -> Result<(), NodeError> {
        let text = serde_json::to_vec_pretty(&self.kept).expect("plain values are JSON");
        Ok(self.directory.replace(MEMBER, &text)?)
    }
}

fn kept(joined: JoinedNode, url: String) -> Kept {
    Kept {
        node: joined.node.id,
        name: joined.node.name,
        url,
        certificate: joined.certificate,
        roots: joined.roots,
        renew_after: joined.renew_after,
        second_key: false,
        rotating: false,
    }
}

fn read_seed(directory: &Dir, file: &'static str) -> Result<Zeroizing<[u8; 32]>, NodeError> {
    let seed = Zeroizing::new(directory.read_private(file, 64)?);
    let seed = <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| NodeError::Damaged { file })?;
    Ok(Zeroizing::new(seed))
}

/// The seed that an attempt to join has left, or a new one.
fn seed(directory: &Dir, entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, NodeError> {
    match read_seed(directory, KEYS[0]) {
        Err(NodeError::Directory(error)) if error.is_not_found() => {
            let mut seed = Zeroizing::new([0; 32]);
            entropy.fill(seed.as_mut_slice());
            directory.create_new(KEYS[0], seed.as_slice())?;
            Ok(seed)
        }
        found => found,
    }
}
