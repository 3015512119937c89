use casemate_api::Page;
use serde::Deserialize;

use crate::problem::Problem;

/// Items of a page unless the client says otherwise, and at most.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// Which page of a list a client asks for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Most items to return, 1 to 200; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

impl PageQuery {
    /// The page that a larger query asks for.
    pub(crate) fn new(limit: Option<u32>, after: Option<String>) -> Self {
        Self { limit, after }
    }

    /// How many rows to read: one more than the page holds, to know whether another page follows.
    pub(crate) fn rows(&self) -> Result<u32, Problem> {
        Ok(self.limit()? + 1)
    }

    fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            limit => {
                Err(Problem::parameter_text("limit", format!("must be from 1 to {LIMIT_MAX}, not {limit}")))
            }
        }
    }

    /// The cursor, parsed as what the list is sorted by.
    pub(crate) fn after<T: std::str::FromStr<Err: std::error::Error>>(&self) -> Result<Option<T>, Problem> {
        let cursor = self.after.as_deref().map(str::parse::<T>).transpose();
        cursor.map_err(|error| Problem::parameter("after", &error))
    }

    /// Makes the page out of the rows read; `cursor` says where the item stands in the list.
    pub(crate) fn page<T>(
        &self,
        mut rows: Vec<T>,
        cursor: impl Fn(&T) -> String,
    ) -> Result<Page<T>, Problem> {
        let limit = self.limit()? as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Ok(Page { items: rows, next })
    }
}
