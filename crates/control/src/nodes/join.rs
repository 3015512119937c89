use casemate_identity::{
    Capabilities, CertificateAuthority, IssuedCertificate, Joined, KeyLabel, NewKey, NodeRecord, NodeState,
    Rejected, WorkRecord, claimed_join_token, issue_key, opens_join,
};
use casemate_ledger::NodePublicKey;
use casemate_model::{Networks, NodeId, NodeName, Role, Scope, Scopes};
use casemate_policy::{Resource, operation};
use secrecy::{ExposeSecret, SecretString};

use super::{NodeError, node_resource};
use crate::{Caller, Control, ControlError};

/// A machine that wants to join.
#[derive(Clone, Debug)]
pub struct JoinNode {
    /// The token.
    pub token: SecretString,
    /// What it calls itself.
    pub name: NodeName,
    /// A request for a certificate (PKCS #10 in PEM), signed with the Ed25519 key that it will sign receipts with.
    pub request: String,
    /// What it has, as it measured.
    pub capabilities: Capabilities,
}

/// A node that has joined, or has another key.
#[derive(Clone, Debug)]
pub struct JoinedNode {
    /// The node.
    pub node: NodeRecord,
    /// Its certificate.
    pub certificate: IssuedCertificate,
    /// The roots by which the listener of mutual TLS is checked, in PEM.
    pub roots: String,
    /// The port of that listener.
    pub port: u16,
}

impl Control {
    /// Lets a machine join, by a token that is used up by that.
    pub async fn join_node(&self, caller: &Caller, wanted: JoinNode) -> Result<JoinedNode, ControlError> {
        let permit = self.permit::<operation::JoinNode>(caller, &Resource::all("nodes")).await?;
        let (port, public_key) = (self.mutual_port()?, public_key(&wanted.request)?);
        let now = self.now();
        let token = match self.open_join_token(&wanted.token).await {
            Ok(token) => token,
            Err(ControlError::Rejected(rejected)) => {
                self.record_refused(caller, permit.action(), "nodes", "join token not accepted").await?;
                return Err(rejected.into());
            }
            Err(error) => return Err(error),
        };
        let label: KeyLabel = format!("node {}", cut(wanted.name.as_str())).parse()?;
        let new = NewKey {
            project: token.project.clone(),
            label,
            role: Role::NODE,
            scopes: Scopes::of(&[Scope::TasksWork]),
            expires: None,
            owner: None,
            networks: Networks::default(),
            limit: None,
        };
        // Nobody ever sees its secret: certificates stand for it.
        let (key, _) = issue_key(new, self.authenticator().peppers(), now, self.entropy());
        let node = NodeRecord {
            id: NodeId::generate(now, self.entropy()),
            project: token.project,
            name: wanted.name,
            key: key.id,
            public_key,
            owner: token.maker,
            labels: token.labels,
            capabilities: wanted.capabilities,
            state: NodeState::Ready,
            created: now,
            seen: now,
            work: WorkRecord::default(),
        };
        let mut event = self.event(caller, permit.action(), node_resource(node.id), "joined");
        event.project = node.project.clone();
        caller.add_address(&mut event);
        event.details.extend([
            ("key".to_owned(), node.key.to_string()),
            ("name".to_owned(), node.name.to_string()),
            ("owner".to_owned(), node.owner.to_string()),
            ("signer".to_owned(), node.public_key.to_string()),
        ]);
        match self.parts.nodes.join(token.id, &node, &key, event).await? {
            Joined::Done => {}
            Joined::TokenGone => return Err(Rejected.into()),
            Joined::NameTaken => return Err(NodeError::NameTaken(node.name).into()),
            Joined::TooMany => return Err(NodeError::TooMany.into()),
        }
        let certificate = self.authenticator().certificates().issue(&key, &wanted.request, now)?;
        Ok(JoinedNode { node, certificate, roots: self.roots(), port })
    }

    /// Gives the calling node another certificate, and with it another key if it wants one.
    pub async fn rotate_node(&self, caller: &Caller, request: &str) -> Result<JoinedNode, ControlError> {
        let permit = self.permit::<operation::RotateNode>(caller, &Resource::all("nodes")).await?;
        let (port, public_key) = (self.mutual_port()?, public_key(request)?);
        let mut node = self.node_of(caller).await?;
        if node.public_key != public_key {
            let mut event = self.event(caller, permit.action(), node_resource(node.id), "another key");
            event.details.push(("signer".to_owned(), public_key.to_string()));
            self.parts.nodes.set_node_key(node.id, &public_key, event).await?;
            node.public_key = public_key;
        }
        let key = self.parts.credentials.key(node.key).await?.ok_or(ControlError::KeyNotFound(node.key))?;
        let certificate = self.authenticator().certificates().issue(&key, request, self.now())?;
        Ok(JoinedNode { node, certificate, roots: self.roots(), port })
    }

    async fn open_join_token(
        &self,
        token: &SecretString,
    ) -> Result<casemate_identity::JoinTokenRecord, ControlError> {
        let text = token.expose_secret();
        let found = self.parts.nodes.join_token(claimed_join_token(text)?).await?.ok_or(Rejected)?;
        opens_join(text, &found, self.authenticator().peppers(), self.now())?;
        // A token ends when its maker may not make one any more.
        if self.still_lets_join(found.maker, &found.project).await? {
            Ok(found)
        } else {
            Err(Rejected.into())
        }
    }

    fn mutual_port(&self) -> Result<u16, NodeError> {
        self.parts.settings.mutual_port.ok_or(NodeError::NoMutualListener)
    }

    fn roots(&self) -> String {
        self.authenticator().certificates().roots_pem(self.now())
    }
}

fn public_key(request: &str) -> Result<NodePublicKey, ControlError> {
    let bytes = CertificateAuthority::ed25519_key_of(request)?;
    Ok(NodePublicKey::from_bytes(&bytes).ok_or(casemate_identity::CertificateRequestError)?)
}

/// As much of a name as a key's label takes beside `node `.
fn cut(name: &str) -> &str {
    name.get(..59).unwrap_or(name)
}
