use http::Method;

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::schedules::{CreateSchedule, Schedule};
use crate::{Client, ClientError, Page};

impl Client {
    /// `schedules.create`: has a task submitted again and again.
    pub async fn schedules_create(&self, schedule: &CreateSchedule) -> Result<Schedule, ClientError> {
        self.create(Call::new("schedules.create", Method::POST, Path::new("/schedules")).json(schedule)).await
    }

    /// `schedules.list`: the project's schedules.
    pub async fn schedules_list(&self, page: &PageRequest) -> Result<Page<Schedule>, ClientError> {
        self.json(Call::new("schedules.list", Method::GET, page.apply(Path::new("/schedules")))).await
    }

    /// `schedules.show`: a schedule.
    pub async fn schedules_show(&self, id: &str) -> Result<Schedule, ClientError> {
        self.json(Call::new("schedules.show", Method::GET, schedule(id))).await
    }

    /// `schedules.pause`: has a schedule submit nothing for a while.
    pub async fn schedules_pause(&self, id: &str) -> Result<Schedule, ClientError> {
        self.json(Call::new("schedules.pause", Method::POST, schedule(id).then("/pause"))).await
    }

    /// `schedules.resume`: has a schedule go on.
    pub async fn schedules_resume(&self, id: &str) -> Result<Schedule, ClientError> {
        self.json(Call::new("schedules.resume", Method::POST, schedule(id).then("/resume"))).await
    }

    /// `schedules.remove`: removes a schedule.
    pub async fn schedules_remove(&self, id: &str) -> Result<(), ClientError> {
        self.whole(Call::new("schedules.remove", Method::DELETE, schedule(id))).await.map(drop)
    }
}

fn schedule(id: &str) -> Path {
    Path::new("/schedules").segment(id)
}
