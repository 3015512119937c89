use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::users::{
    ChangePassword, CreateUser, CreatedInvitation, GiveRole, Invitation, LogIn, Member, PutRole,
    RefreshSession, Register, ResetPassword, Roles, Session, TokenKeys, Tokens, User, UserDetails,
};
use crate::{Client, ClientError, Page};

impl Client {
    /// `sessions.sign_in`: signs in as a user, for tokens.
    pub async fn sessions_log_in(&self, log_in: &LogIn) -> Result<Tokens, ClientError> {
        self.json(Call::new("sessions.sign_in", Method::POST, Path::new("/auth/login")).json(log_in)).await
    }

    /// `sessions.refresh`: goes on with a session.
    pub async fn sessions_refresh(&self, refresh: &RefreshSession) -> Result<Tokens, ClientError> {
        self.json(Call::new("sessions.refresh", Method::POST, Path::new("/auth/refresh")).json(refresh)).await
    }

    /// `sessions.keys`: the public keys of access tokens.
    pub async fn sessions_keys(&self) -> Result<TokenKeys, ClientError> {
        self.json(Call::new("sessions.keys", Method::GET, Path::new("/auth/keys"))).await
    }

    /// `sessions.list`: one's own sessions.
    pub async fn sessions_list(&self, page: &PageRequest) -> Result<Page<Session>, ClientError> {
        self.json(Call::new("sessions.list", Method::GET, page.apply(Path::new("/sessions")))).await
    }

    /// `sessions.end`: ends one of one's own sessions.
    pub async fn sessions_end(&self, id: &str) -> Result<(), ClientError> {
        let call = Call::new("sessions.end", Method::DELETE, Path::new("/sessions").segment(id));
        self.whole(call).await.map(drop)
    }

    /// `users.register`: becomes a user.
    pub async fn users_register(&self, register: &Register) -> Result<UserDetails, ClientError> {
        self.json(Call::new("users.register", Method::POST, Path::new("/auth/register")).json(register)).await
    }

    /// `users.create`: makes a user.
    pub async fn users_create(&self, user: &CreateUser) -> Result<UserDetails, ClientError> {
        self.json(Call::new("users.create", Method::POST, Path::new("/users")).json(user)).await
    }

    /// `users.list`: the node's users.
    pub async fn users_list(&self, page: &PageRequest) -> Result<Page<User>, ClientError> {
        self.json(Call::new("users.list", Method::GET, page.apply(Path::new("/users")))).await
    }

    /// `users.show`: a user with its roles.
    pub async fn users_show(&self, name: &str) -> Result<UserDetails, ClientError> {
        self.json(Call::new("users.show", Method::GET, Path::new("/users").segment(name))).await
    }

    /// `users.block`: blocks a user, or lets it in again.
    pub async fn users_block(&self, name: &str, block: bool) -> Result<(), ClientError> {
        let verb = if block { "block" } else { "unblock" };
        let path = Path::new("/users").segment(name).segment(verb);
        self.whole(Call::new("users.block", Method::POST, path)).await.map(drop)
    }

    /// `users.reset_password`: gives a user a new password.
    pub async fn users_reset_password(&self, name: &str, reset: &ResetPassword) -> Result<(), ClientError> {
        let path = Path::new("/users").segment(name).segment("password");
        self.whole(Call::new("users.reset_password", Method::PUT, path).json(reset)).await.map(drop)
    }

    /// `users.change_password`: replaces one's own password.
    pub async fn users_change_password(&self, change: &ChangePassword) -> Result<(), ClientError> {
        let call = Call::new("users.change_password", Method::PUT, Path::new("/password")).json(change);
        self.whole(call).await.map(drop)
    }

    /// `members.list`: who has a role in the project.
    pub async fn members_list(&self, page: &PageRequest) -> Result<Page<Member>, ClientError> {
        self.json(Call::new("members.list", Method::GET, page.apply(Path::new("/members")))).await
    }

    /// `members.set`: gives a user a role in the project.
    pub async fn members_set(&self, name: &str, give: &GiveRole) -> Result<(), ClientError> {
        let call = Call::new("members.set", Method::PUT, Path::new("/members").segment(name)).json(give);
        self.whole(call).await.map(drop)
    }

    /// `members.remove`: takes a user's role in the project away.
    pub async fn members_remove(&self, name: &str) -> Result<(), ClientError> {
        let call = Call::new("members.remove", Method::DELETE, Path::new("/members").segment(name));
        self.whole(call).await.map(drop)
    }

    /// `roles.list`: the roles that there are in the project.
    pub async fn roles_list(&self) -> Result<Roles, ClientError> {
        self.json(Call::new("roles.list", Method::GET, Path::new("/roles"))).await
    }

    /// `roles.put`: makes a role in the project, or changes it.
    pub async fn roles_put(&self, role: &str, put: &PutRole) -> Result<(), ClientError> {
        let call = Call::new("roles.put", Method::PUT, Path::new("/roles").segment(role)).json(put);
        self.whole(call).await.map(drop)
    }

    /// `roles.remove`: removes a role of the project.
    pub async fn roles_remove(&self, role: &str) -> Result<(), ClientError> {
        let call = Call::new("roles.remove", Method::DELETE, Path::new("/roles").segment(role));
        self.whole(call).await.map(drop)
    }

    /// `invitations.create`: invites somebody to become a user.
    pub async fn invitations_create(&self, give: &GiveRole) -> Result<CreatedInvitation, ClientError> {
        self.json(Call::new("invitations.create", Method::POST, Path::new("/invitations")).json(give)).await
    }

    /// `invitations.list`: invitations that were not used yet.
    pub async fn invitations_list(&self, page: &PageRequest) -> Result<Page<Invitation>, ClientError> {
        self.json(Call::new("invitations.list", Method::GET, page.apply(Path::new("/invitations")))).await
    }

    /// `invitations.withdraw`: takes an invitation back.
    pub async fn invitations_withdraw(&self, id: &str) -> Result<(), ClientError> {
        let call = Call::new("invitations.withdraw", Method::DELETE, Path::new("/invitations").segment(id));
        self.whole(call).await.map(drop)
    }
}
