//! The permission table: one row and one marker type per operation.

use casemate_model::Scope;

/// What it takes to do an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of the operation, as the API, the audit log and the documents spell it.
    pub action: &'static str,
    /// Who is let in.
    pub access: Access,
    /// Whether the operation changes something. Changes are audited with the change; refusals always are.
    pub mutates: bool,
}

/// Who an operation lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a credential.
    Public,
    /// Every recognised caller, whatever its role and scopes: it concerns only the caller itself.
    Own,
    /// A caller whose role and credential both carry the scope, for a resource of its project.
    Granted(Scope),
    /// The same for what belongs to the node and not to one project: callers of the node's own project, which is
    /// `default`, and processes of its own user.
    OnNode(Scope),
}

/// A marker type for one operation.
pub trait Operation: sealed::Sealed + Send + Sync + 'static {
    /// The operation's row of the [`TABLE`].
    const ROW: Row;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! operations {
    ($($(#[$doc:meta])* $marker:ident: $action:literal, $access:expr, $change:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $marker {}
            impl sealed::Sealed for $marker {}
            impl Operation for $marker {
                const ROW: Row = Row { action: $action, access: $access, mutates: change::$change };
            }
        )+

        /// Every operation there is, in the order of declaration.
        pub const TABLE: &[Row] = &[$($marker::ROW,)+];
    };
}

mod change {
    #![expect(non_upper_case_globals, reason = "words of the table below")]
    pub(super) const reads: bool = false;
    pub(super) const changes: bool = true;
}

operations! {
    /// Upload an object.
    PutObject: "objects.put", Access::Granted(Scope::ObjectsWrite), changes;
    /// Download an object.
    GetObject: "objects.get", Access::Granted(Scope::ObjectsRead), reads;
    /// List buckets.
    ListBuckets: "buckets.list", Access::Granted(Scope::ObjectsRead), reads;
    /// Make a bucket.
    CreateBucket: "buckets.create", Access::Granted(Scope::ObjectsWrite), changes;
    /// Show a bucket's settings.
    ShowBucket: "buckets.show", Access::Granted(Scope::ObjectsRead), reads;
    /// Change a bucket's settings: versions, tags, other origins.
    ConfigureBucket: "buckets.configure", Access::Granted(Scope::ObjectsWrite), changes;
    /// Delete an empty bucket.
    DeleteBucket: "buckets.delete", Access::Granted(Scope::ObjectsWrite), changes;
    /// List the objects of a bucket.
    ListObjects: "objects.list", Access::Granted(Scope::ObjectsRead), reads;
    /// Show an object's size, digest and times.
    StatObject: "objects.stat", Access::Granted(Scope::ObjectsRead), reads;
    /// Read an object's content again and say whether it is what was put.
    VerifyObject: "objects.verify", Access::Granted(Scope::ObjectsRead), reads;
    /// Change an object's tags.
    TagObject: "objects.tag", Access::Granted(Scope::ObjectsWrite), changes;
    /// Delete an object.
    DeleteObject: "objects.delete", Access::Granted(Scope::ObjectsWrite), changes;

    /// Make a link that opens an object to whoever holds it.
    ShareObject: "shares.create", Access::Granted(Scope::ObjectsShare), changes;
    /// Download what a link opens. The link itself is looked at.
    OpenShare: "shares.open", Access::Public, reads;

    /// Claim a name.
    ClaimName: "names.claim", Access::Granted(Scope::NamesWrite), changes;
    /// Point a name at another digest.
    UpdateName: "names.update", Access::Granted(Scope::NamesWrite), changes;
    /// Keep a name for longer.
    RenewName: "names.renew", Access::Granted(Scope::NamesWrite), changes;
    /// Let another project take a name over.
    OfferName: "names.offer", Access::Granted(Scope::NamesWrite), changes;
    /// Call off an offer of a name, or a change of its keys.
    WithdrawName: "names.withdraw", Access::Granted(Scope::NamesWrite), changes;
    /// Not want a name that is offered.
    DeclineName: "names.decline", Access::Granted(Scope::NamesWrite), changes;
    /// Take over a name that is offered.
    AcceptName: "names.accept", Access::Granted(Scope::NamesWrite), changes;
    /// Put another key in the place of a lost one.
    RecoverName: "names.recover", Access::Granted(Scope::NamesWrite), changes;
    /// Let nobody use a name for now: who runs the node, or holds a name above it.
    SuspendName: "names.suspend", Access::Granted(Scope::NamesWrite), changes;
    /// Let a name be used again.
    ResumeName: "names.resume", Access::Granted(Scope::NamesWrite), changes;
    /// Take a name away.
    RevokeName: "names.revoke", Access::Granted(Scope::NamesWrite), changes;
    /// Release a name.
    ReleaseName: "names.release", Access::Granted(Scope::NamesWrite), changes;
    /// Commit to a name before claiming it.
    CommitName: "names.commit", Access::Granted(Scope::NamesWrite), changes;
    /// Hand in a change of a name that its owner signed.
    SignName: "names.sign", Access::Granted(Scope::NamesWrite), changes;
    /// See what a change of a name would come to, for signing it.
    DraftName: "names.draft", Access::Granted(Scope::NamesRead), reads;
    /// Prove what a name means or meant.
    ProveName: "names.prove", Access::Granted(Scope::NamesRead), reads;
    /// Resolve or show a name.
    ShowName: "names.show", Access::Granted(Scope::NamesRead), reads;
    /// Ask whether a name can be claimed.
    CheckName: "names.check", Access::Granted(Scope::NamesRead), reads;
    /// Show a name's history.
    NameHistory: "names.history", Access::Granted(Scope::NamesRead), reads;
    /// List a project's names.
    ListNames: "names.list", Access::Granted(Scope::NamesRead), reads;
    /// Show this node's peers.
    ShowPeers: "peers.show", Access::Granted(Scope::NamesRead), reads;
    /// Ask peers what a name means.
    ResolveAtPeers: "peers.resolve", Access::Granted(Scope::NamesRead), reads;

    /// Submit a task.
    SubmitTask: "tasks.submit", Access::Granted(Scope::TasksWrite), changes;
    /// Cancel a task.
    CancelTask: "tasks.cancel", Access::Granted(Scope::TasksWrite), changes;
    /// Submit once more what a task was to do.
    RequeueTask: "tasks.requeue", Access::Granted(Scope::TasksWrite), changes;
    /// Show a task.
    ShowTask: "tasks.show", Access::Granted(Scope::TasksRead), reads;
    /// List tasks.
    ListTasks: "tasks.list", Access::Granted(Scope::TasksRead), reads;
    /// Read a task's output or log.
    ReadTaskOutput: "tasks.output", Access::Granted(Scope::TasksRead), reads;
    /// Follow what a task writes, and how far it is.
    FollowTask: "tasks.logs", Access::Granted(Scope::TasksRead), reads;
    /// Read figures of tasks by the hour.
    TaskStatistics: "tasks.statistics", Access::Granted(Scope::TasksRead), reads;
    /// List types of tasks, and what they may hold.
    ListTaskTypes: "tasks.types", Access::Granted(Scope::TasksRead), reads;
    /// Have a task submitted again and again.
    CreateSchedule: "schedules.create", Access::Granted(Scope::TasksWrite), changes;
    /// List schedules.
    ListSchedules: "schedules.list", Access::Granted(Scope::TasksRead), reads;
    /// Show a schedule.
    ShowSchedule: "schedules.show", Access::Granted(Scope::TasksRead), reads;
    /// Have a schedule submit nothing for a while.
    PauseSchedule: "schedules.pause", Access::Granted(Scope::TasksWrite), changes;
    /// Have a schedule go on.
    ResumeSchedule: "schedules.resume", Access::Granted(Scope::TasksWrite), changes;
    /// Remove a schedule.
    RemoveSchedule: "schedules.remove", Access::Granted(Scope::TasksWrite), changes;
    /// Fetch a task's receipt with its proof.
    ReadReceipt: "tasks.receipt", Access::Granted(Scope::TasksRead), reads;

    /// Make a token by which a node joins.
    CreateJoinToken: "nodes.create_token", Access::Granted(Scope::NodesWrite), changes;
    /// List join tokens.
    ListJoinTokens: "nodes.list_tokens", Access::Granted(Scope::NodesRead), reads;
    /// Take a join token back.
    WithdrawJoinToken: "nodes.withdraw_token", Access::Granted(Scope::NodesWrite), changes;
    /// Become a node, by a join token.
    JoinNode: "nodes.join", Access::Public, changes;
    /// List nodes.
    ListNodes: "nodes.list", Access::Granted(Scope::NodesRead), reads;
    /// Show a node.
    ShowNode: "nodes.show", Access::Granted(Scope::NodesRead), reads;
    /// Give a node no more tasks.
    DrainNode: "nodes.drain", Access::Granted(Scope::NodesWrite), changes;
    /// Give a node tasks again.
    ResumeNode: "nodes.resume", Access::Granted(Scope::NodesWrite), changes;
    /// Remove a node; what it works on goes to others.
    RemoveNode: "nodes.remove", Access::Granted(Scope::NodesWrite), changes;
    /// Take tasks as a node, and say that one is there.
    WorkAsNode: "nodes.work", Access::Granted(Scope::TasksWork), changes;
    /// Get a certificate for another key of the node in use.
    RotateNode: "nodes.rotate", Access::Granted(Scope::TasksWork), changes;

    /// Register a key that proofs are checked with.
    AddVerificationKey: "proofs.add_key", Access::Granted(Scope::KeysWrite), changes;
    /// List keys that proofs are checked with.
    ListVerificationKeys: "proofs.list_keys", Access::Granted(Scope::TasksRead), reads;
    /// Remove a key that proofs are checked with.
    RemoveVerificationKey: "proofs.remove_key", Access::Granted(Scope::KeysWrite), changes;
    /// Show what a proof of a task must be of.
    ShowStatement: "proofs.statement", Access::Granted(Scope::TasksRead), reads;
    /// Check a proof of a task.
    VerifyProof: "proofs.verify", Access::Granted(Scope::TasksWrite), changes;
    /// List what came of proofs of a task.
    ListProofs: "proofs.list", Access::Granted(Scope::TasksRead), reads;

    /// Read figures of the project's nodes and tasks together.
    ClusterStats: "cluster.stats", Access::Granted(Scope::NodesRead), reads;
    /// Start a relay session through a node.
    StartRelay: "relays.start", Access::Granted(Scope::NodesWrite), changes;
    /// List relay sessions.
    ListRelays: "relays.list", Access::Granted(Scope::NodesRead), reads;
    /// Show a relay session.
    ShowRelay: "relays.show", Access::Granted(Scope::NodesRead), reads;
    /// Keep a relay session open.
    HearRelay: "relays.heartbeat", Access::Granted(Scope::NodesWrite), reads;
    /// End a relay session.
    StopRelay: "relays.stop", Access::Granted(Scope::NodesWrite), changes;

    /// Make an API key.
    CreateKey: "keys.create", Access::Granted(Scope::KeysWrite), changes;
    /// Give an API key another secret.
    RotateKey: "keys.rotate", Access::Granted(Scope::KeysWrite), changes;
    /// List API keys.
    ListKeys: "keys.list", Access::Granted(Scope::KeysRead), reads;
    /// Revoke an API key.
    RevokeKey: "keys.revoke", Access::Granted(Scope::KeysWrite), changes;

    /// Deploy a version of a function.
    DeployFunction: "functions.deploy", Access::Granted(Scope::FunctionsWrite), changes;
    /// List functions.
    ListFunctions: "functions.list", Access::Granted(Scope::FunctionsRead), reads;
    /// Show a function with what it has done.
    ShowFunction: "functions.show", Access::Granted(Scope::FunctionsRead), reads;
    /// List versions of a function.
    ListVersions: "functions.versions", Access::Granted(Scope::FunctionsRead), reads;
    /// Read what a function has logged.
    ReadFunctionLog: "functions.log", Access::Granted(Scope::FunctionsRead), reads;
    /// Choose which versions of a function answer.
    RouteFunction: "functions.route", Access::Granted(Scope::FunctionsWrite), changes;
    /// Remove a function with all its versions.
    RemoveFunction: "functions.remove", Access::Granted(Scope::FunctionsWrite), changes;
    /// Send a request to a function that is not public.
    CallFunction: "functions.call", Access::Granted(Scope::FunctionsCall), reads;
    /// List the values that a function keeps.
    ListFunctionValues: "functions.list_values", Access::Granted(Scope::FunctionsValues), reads;
    /// Read a value that a function keeps.
    ReadFunctionValue: "functions.read_value", Access::Granted(Scope::FunctionsValues), reads;
    /// Set a value that a function keeps.
    SetFunctionValue: "functions.set_value", Access::Granted(Scope::FunctionsValues), changes;
    /// Remove a value that a function keeps.
    RemoveFunctionValue: "functions.remove_value", Access::Granted(Scope::FunctionsValues), changes;

    /// Make a webhook.
    CreateWebhook: "webhooks.create", Access::Granted(Scope::WebhooksWrite), changes;
    /// List webhooks.
    ListWebhooks: "webhooks.list", Access::Granted(Scope::WebhooksRead), reads;
    /// Show a webhook.
    ShowWebhook: "webhooks.show", Access::Granted(Scope::WebhooksRead), reads;
    /// Change where a webhook sends to, and what.
    UpdateWebhook: "webhooks.update", Access::Granted(Scope::WebhooksWrite), changes;
    /// Remove a webhook with what it has not sent yet.
    DeleteWebhook: "webhooks.delete", Access::Granted(Scope::WebhooksWrite), changes;
    /// Give a webhook another secret.
    RotateWebhook: "webhooks.rotate", Access::Granted(Scope::WebhooksWrite), changes;
    /// Have a webhook send a test event.
    TestWebhook: "webhooks.test", Access::Granted(Scope::WebhooksWrite), changes;
    /// Have a webhook send nothing for a while.
    PauseWebhook: "webhooks.pause", Access::Granted(Scope::WebhooksWrite), changes;
    /// Have a webhook send again.
    ResumeWebhook: "webhooks.resume", Access::Granted(Scope::WebhooksWrite), changes;
    /// List what a webhook has sent and is to send.
    ListDeliveries: "webhooks.deliveries", Access::Granted(Scope::WebhooksRead), reads;
    /// Have a webhook send something once more.
    Redeliver: "webhooks.redeliver", Access::Granted(Scope::WebhooksWrite), changes;

    /// List the node's users.
    ListUsers: "users.list", Access::OnNode(Scope::UsersRead), reads;
    /// Show a user with its roles.
    ShowUser: "users.show", Access::OnNode(Scope::UsersRead), reads;
    /// Make a user.
    CreateUser: "users.create", Access::OnNode(Scope::UsersWrite), changes;
    /// Block a user, or let it in again.
    BlockUser: "users.block", Access::OnNode(Scope::UsersWrite), changes;
    /// Give a user a new password.
    ResetPassword: "users.reset_password", Access::OnNode(Scope::UsersWrite), changes;
    /// Become a user, by an invitation or where it is open to all.
    Register: "users.register", Access::Public, changes;
    /// Replace one's own password.
    ChangePassword: "users.change_password", Access::Own, changes;

    /// Remove all factors of a user but the password, who has lost them.
    ResetFactors: "users.reset_factors", Access::OnNode(Scope::UsersWrite), changes;

    /// Show one's own second factors.
    ListFactors: "factors.list", Access::Own, reads;
    /// Begin with codes of an authenticator app.
    BeginTotp: "factors.begin_totp", Access::Own, changes;
    /// Confirm the app by a first code.
    ConfirmTotp: "factors.confirm_totp", Access::Own, changes;
    /// Remove the app.
    RemoveTotp: "factors.remove_totp", Access::Own, changes;
    /// Begin with a new passkey.
    BeginPasskey: "passkeys.begin", Access::Own, reads;
    /// Add a passkey.
    AddPasskey: "passkeys.add", Access::Own, changes;
    /// Give a passkey another label.
    RenamePasskey: "passkeys.rename", Access::Own, changes;
    /// Remove a passkey.
    RemovePasskey: "passkeys.remove", Access::Own, changes;

    /// List who has a role in a project.
    ListMembers: "members.list", Access::Granted(Scope::UsersRead), reads;
    /// Give a user a role in a project.
    SetMember: "members.set", Access::Granted(Scope::UsersWrite), changes;
    /// Take a user's role in a project away.
    RemoveMember: "members.remove", Access::Granted(Scope::UsersWrite), changes;
    /// List the roles of a project.
    ListRoles: "roles.list", Access::Own, reads;
    /// Make a role of a project, or change it.
    PutRole: "roles.put", Access::Granted(Scope::UsersWrite), changes;
    /// Remove a role of a project.
    RemoveRole: "roles.remove", Access::Granted(Scope::UsersWrite), changes;
    /// Invite somebody to become a user with a role in a project.
    Invite: "invitations.create", Access::Granted(Scope::UsersWrite), changes;
    /// List invitations.
    ListInvitations: "invitations.list", Access::Granted(Scope::UsersRead), reads;
    /// Take an invitation back.
    WithdrawInvitation: "invitations.withdraw", Access::Granted(Scope::UsersWrite), changes;

    /// Sign in with a user name and password, a login link or an API key.
    SignIn: "sessions.sign_in", Access::Public, changes;
    /// Make a one-time login link for the console.
    CreateLoginLink: "sessions.link", Access::Granted(Scope::KeysWrite), changes;
    /// Go on with a session by a refresh token.
    Refresh: "sessions.refresh", Access::Public, changes;
    /// Read the public keys of access tokens.
    ReadTokenKeys: "sessions.keys", Access::Public, reads;
    /// Get a certificate for the API key in use.
    IssueCertificate: "certificates.issue", Access::Own, changes;
    /// Read the roots by which certificates are checked.
    ReadCertificateRoots: "certificates.roots", Access::Public, reads;
    /// List one's own sessions.
    ListSessions: "sessions.list", Access::Own, reads;
    /// End one of one's own sessions.
    EndSession: "sessions.end", Access::Own, changes;
    /// End the session in use.
    SignOut: "sessions.sign_out", Access::Own, changes;
    /// Show who the caller is.
    WhoAmI: "sessions.whoami", Access::Own, reads;

    /// List audit entries.
    ListAudit: "audit.list", Access::OnNode(Scope::AuditRead), reads;
    /// Show one audit entry with its proof.
    ProveAudit: "audit.prove", Access::OnNode(Scope::AuditRead), reads;
    /// Read the log's signed checkpoint.
    ReadCheckpoint: "audit.checkpoint", Access::OnNode(Scope::NodeRead), reads;
    /// Prove that the log only grew.
    ProveGrowth: "audit.consistency", Access::Granted(Scope::NamesRead), reads;
    /// Read the log's tiles and entries.
    ReadTiles: "audit.tiles", Access::OnNode(Scope::AuditRead), reads;

    /// Show the limits of requests and the exceptions from them.
    ListLimits: "limits.list", Access::OnNode(Scope::NodeRead), reads;
    /// Make an exception from a limit.
    SetLimit: "limits.set", Access::OnNode(Scope::NodeWrite), changes;
    /// Remove an exception.
    RemoveLimit: "limits.remove", Access::OnNode(Scope::NodeWrite), changes;

    /// Tell whether the node works.
    Health: "node.health", Access::Public, reads;
    /// Read the API's own description.
    Describe: "node.describe", Access::Public, reads;
    /// Read figures for the overview: version, walls, workers, counts.
    Overview: "node.overview", Access::Granted(Scope::NodeRead), reads;
    /// Read metrics.
    Metrics: "node.metrics", Access::OnNode(Scope::MetricsRead), reads;
    /// Follow events.
    FollowEvents: "node.events", Access::Granted(Scope::NodeRead), reads;
}
