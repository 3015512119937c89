use std::future::Future;

use casemate_api::{ClientError, Page, PageRequest};
use clap::Args;

use crate::output::Output;
use crate::report::CliError;

/// Most items of a page that a node gives.
const PAGE_MAX: u32 = 200;

/// How much of a list is wanted.
#[derive(Debug, Args)]
pub(crate) struct Paging {
    /// Most items to show.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Paging {
    /// Reads pages by `read` until there are enough items or no more; says so if there are more.
    pub(crate) async fn collect<T, F>(
        &self,
        output: Output,
        mut read: impl FnMut(PageRequest) -> F,
    ) -> Result<Vec<T>, CliError>
    where
        F: Future<Output = Result<Page<T>, ClientError>>,
    {
        let mut items = Vec::new();
        let mut after = None;
        let mut left = self.limit;
        loop {
            let page = read(PageRequest { limit: Some(left.min(PAGE_MAX)), after }).await?;
            let count = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
            items.extend(page.items);
            left = left.saturating_sub(count);
            let Some(next) = page.next else {
                return Ok(items);
            };
            if left == 0 {
                output.note(&format!("there are more than {}; --limit shows more", self.limit));
                return Ok(items);
            }
            after = Some(next);
        }
    }
}
