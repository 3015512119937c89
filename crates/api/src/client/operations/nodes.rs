use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::nodes::{
    ClaimTasks, Claimed, CreateJoinToken, CreatedJoinToken, Heartbeat, HeartbeatAnswer, HeldLease, JoinNode,
    JoinToken, JoinedNode, Node, RotateNode,
};
use crate::tasks::{LogStream, Task};
use crate::{Client, ClientError, Download, Page, Upload};

impl Client {
    /// `nodes.create_token`: makes a token by which a machine joins once.
    pub async fn join_tokens_create(&self, token: &CreateJoinToken) -> Result<CreatedJoinToken, ClientError> {
        self.create(Call::new("nodes.create_token", Method::POST, Path::new("/join-tokens")).json(token))
            .await
    }

    /// `nodes.list_tokens`: join tokens that were not used yet.
    pub async fn join_tokens_list(&self, page: &PageRequest) -> Result<Page<JoinToken>, ClientError> {
        let path = page.apply(Path::new("/join-tokens"));
        self.json(Call::new("nodes.list_tokens", Method::GET, path)).await
    }

    /// `nodes.withdraw_token`: takes a join token back.
    pub async fn join_tokens_withdraw(&self, id: &str) -> Result<(), ClientError> {
        let path = Path::new("/join-tokens").segment(id);
        self.whole(Call::new("nodes.withdraw_token", Method::DELETE, path)).await.map(drop)
    }

    /// `nodes.join`: becomes a node, by a join token.
    pub async fn nodes_join(&self, join: &JoinNode) -> Result<JoinedNode, ClientError> {
        self.json(Call::new("nodes.join", Method::POST, Path::new("/nodes")).json(join)).await
    }

    /// `nodes.list`: the project's nodes.
    pub async fn nodes_list(&self, page: &PageRequest) -> Result<Page<Node>, ClientError> {
        self.json(Call::new("nodes.list", Method::GET, page.apply(Path::new("/nodes")))).await
    }

    /// `nodes.show`: a node.
    pub async fn nodes_show(&self, id: &str) -> Result<Node, ClientError> {
        self.json(Call::new("nodes.show", Method::GET, Path::new("/nodes").segment(id))).await
    }

    /// `nodes.drain`: gives a node no more tasks.
    pub async fn nodes_drain(&self, id: &str) -> Result<Node, ClientError> {
        let path = Path::new("/nodes").segment(id).then("/drain");
        self.json(Call::new("nodes.drain", Method::POST, path)).await
    }

    /// `nodes.resume`: gives a node tasks again.
    pub async fn nodes_resume(&self, id: &str) -> Result<Node, ClientError> {
        let path = Path::new("/nodes").segment(id).then("/resume");
        self.json(Call::new("nodes.resume", Method::POST, path)).await
    }

    /// `nodes.remove`: removes a node for good.
    pub async fn nodes_remove(&self, id: &str) -> Result<(), ClientError> {
        let call = Call::new("nodes.remove", Method::DELETE, Path::new("/nodes").segment(id));
        self.whole(call).await.map(drop)
    }

    /// `nodes.work`: takes tasks as a node, after waiting for one for as long as was asked for.
    pub async fn work_claim(&self, claim: &ClaimTasks) -> Result<Claimed, ClientError> {
        let wait = std::time::Duration::from_secs(claim.wait_seconds);
        let call = Call::new("nodes.work", Method::POST, Path::new("/nodes/self/claims")).json(claim);
        self.json(call.patient(wait)).await
    }

    /// `nodes.work`: says that the node is there, and extends its leases.
    pub async fn work_beat(&self, beat: &Heartbeat) -> Result<HeartbeatAnswer, ClientError> {
        self.json(Call::new("nodes.work", Method::POST, Path::new("/nodes/self/heartbeats")).json(beat)).await
    }

    /// `nodes.rotate`: gets another certificate.
    pub async fn work_certificate(&self, rotate: &RotateNode) -> Result<JoinedNode, ClientError> {
        self.json(Call::new("nodes.rotate", Method::POST, Path::new("/nodes/self/certificates")).json(rotate))
            .await
    }

    /// `nodes.work`: downloads what a task reads.
    pub async fn work_content(&self, held: &HeldLease, digest: &str) -> Result<Download, ClientError> {
        let call = Call::new("nodes.work", Method::GET, content(held, digest));
        let (parts, body) = self.send(call).await?.into_parts();
        Ok(Download::new(self.address(), &parts.headers, body))
    }

    /// `nodes.work`: stores what a run gave.
    pub async fn work_store(
        &self,
        held: &HeldLease,
        digest: &str,
        upload: Upload,
    ) -> Result<(), ClientError> {
        self.upload(Call::new("nodes.work", Method::PUT, content(held, digest)), upload).await
    }

    /// `nodes.work`: hands on what a run has written next, from a place of its stream on, for whoever follows the task.
    pub async fn work_log(
        &self,
        held: &HeldLease,
        (stream, offset): (LogStream, u64),
        bytes: Vec<u8>,
    ) -> Result<(), ClientError> {
        let stream = match stream {
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
        };
        let path = of_task(held, "log").query("stream", stream).query("offset", &offset.to_string());
        self.upload::<()>(Call::new("nodes.work", Method::PUT, path), Upload::bytes(bytes)).await
    }

    /// `nodes.work`: hands in the signed receipt of a run.
    pub async fn work_hand_in(&self, held: &HeldLease, receipt: Vec<u8>) -> Result<Task, ClientError> {
        let call = Call::new("nodes.work", Method::PUT, of_task(held, "receipt"));
        self.upload(call, Upload::bytes(receipt)).await
    }

    /// `nodes.work`: gives a task back unharmed.
    pub async fn work_return(&self, held: &HeldLease) -> Result<(), ClientError> {
        self.whole(Call::new("nodes.work", Method::DELETE, of_task(held, "lease"))).await.map(drop)
    }
}

fn of_task(held: &HeldLease, what: &str) -> Path {
    Path::new("/nodes/self/tasks").segment(&held.task).segment(what).query("fence", &held.fence.to_string())
}

fn content(held: &HeldLease, digest: &str) -> Path {
    let path = Path::new("/nodes/self/tasks").segment(&held.task).then("/content").segment(digest);
    path.query("fence", &held.fence.to_string())
}
