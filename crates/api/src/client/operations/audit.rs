use bytes::Bytes;
use http::Method;

use super::PageRequest;
use crate::audit::{AuditEntry, Decision, EntryProof, GrowthProof};
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::{Client, ClientError, Page};

impl Client {
    /// `audit.list`: entries from the sequence number `from` on; without it, the newest first.
    pub async fn audit_list(
        &self,
        from: Option<u64>,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ClientError> {
        let from = from.map(|from| from.to_string());
        let path = page.apply(Path::new("/audit/entries").maybe("from", from.as_deref()));
        self.json(Call::new("audit.list", Method::GET, path)).await
    }

    /// `audit.list`: entries that hold each of the words of `search`, if there are any, and have the decision, if one is
    /// given; the newest first. A page may be empty and still have a next one.
    pub async fn audit_search(
        &self,
        search: &str,
        decision: Option<Decision>,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, ClientError> {
        let path = Path::new("/audit/entries").maybe("search", Some(search));
        let path = page.apply(path.maybe("decision", decision.map(Decision::as_str)));
        self.json(Call::new("audit.list", Method::GET, path)).await
    }

    /// `audit.prove`: an entry with the proof that the signed log holds it.
    pub async fn audit_prove(&self, sequence: u64) -> Result<EntryProof, ClientError> {
        let path = Path::new("/audit/entries").segment(&sequence.to_string()).then("/proof");
        self.json(Call::new("audit.prove", Method::GET, path)).await
    }

    /// `audit.checkpoint`: the log's newest checkpoint, a C2SP signed note.
    pub async fn audit_checkpoint(&self) -> Result<String, ClientError> {
        self.text(Call::new("audit.checkpoint", Method::GET, Path::new("/audit/checkpoint"))).await
    }

    /// `audit.consistency`: the proof that the log only grew from `old` entries to `new` ones.
    pub async fn audit_consistency(&self, old: u64, new: u64) -> Result<GrowthProof, ClientError> {
        let path =
            Path::new("/audit/consistency").query("old", &old.to_string()).query("new", &new.to_string());
        self.json(Call::new("audit.consistency", Method::GET, path)).await
    }

    /// `audit.tiles`: a tile of the log by its C2SP path, such as `tile/0/000`.
    pub async fn audit_tiles(&self, tile: &str) -> Result<Bytes, ClientError> {
        self.whole(Call::new("audit.tiles", Method::GET, Path::new("/log").rest(tile))).await
    }
}
