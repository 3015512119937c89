use casemate_api::ProblemCode as Code;
use casemate_control::ScheduleError;

use super::Problem;

impl Problem {
    pub(super) fn schedule(error: &ScheduleError) -> Self {
        let text = error.to_string();
        match error {
            ScheduleError::NotFound(_) => Self::new(Code::NotFound, text),
            ScheduleError::NameTaken(_) => {
                Self::new(Code::Conflict, text).hint("`casemate schedule ls` lists those there are")
            }
            ScheduleError::TooMany => {
                Self::new(Code::Conflict, text).hint("remove some with `casemate schedule rm`")
            }
            ScheduleError::MakerGone => Self::new(Code::Conflict, text)
                .hint("remove it with `casemate schedule rm`, and add it again in your name"),
            ScheduleError::Timetable(_) => Self::field("/cron", text),
            ScheduleError::OfOneTime(what) => Self::field(&format!("/task/{what}"), text),
        }
    }
}
