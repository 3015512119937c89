use casemate_model::Timestamp;
use casemate_webhooks::{Delivery, DeliveryState, PauseReason, Webhook};

use crate::change::Tx;
use crate::failure::Failure;
use crate::sql::{Columns, Row, Statement, statement, values};

/// What is written of a pause or a delivery and means nothing.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not what stands there")]
struct BadWord(String);

pub(crate) fn webhook(row: Row) -> Result<Webhook, Failure> {
    let mut columns = row.read("webhook");
    Ok(Webhook {
        id: columns.next()?,
        project: columns.next()?,
        endpoint: columns.next()?,
        events: columns.next()?,
        description: columns.next()?,
        secret: (columns.next()?, columns.next()?),
        former: former(&mut columns)?,
        paused: paused(&mut columns)?,
        failing: columns.next()?,
        dropped: columns.next()?,
        created: columns.next()?,
        revision: columns.next()?,
    })
}

/// The pepper and the number of a secret, and until when it signs.
type Former = ((u32, u64), Timestamp);

fn former(columns: &mut Columns) -> Result<Option<Former>, Failure> {
    let (pepper, generation): (Option<u32>, Option<u64>) = (columns.next()?, columns.next()?);
    let until: Option<Timestamp> = columns.next()?;
    Ok(pepper.zip(generation).zip(until))
}

fn paused(columns: &mut Columns) -> Result<Option<(PauseReason, Timestamp)>, Failure> {
    let (reason, since): (Option<String>, Option<Timestamp>) = (columns.next()?, columns.next()?);
    let read = |text: String| {
        PauseReason::from_text(&text).ok_or_else(|| Failure::damaged("webhook", BadWord(text)))
    };
    Ok(reason.map(read).transpose()?.zip(since))
}

pub(super) fn delivery(row: Row) -> Result<Delivery, Failure> {
    let mut columns = row.read("delivery");
    let (id, webhook, kind, body) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let (state, due): (String, Option<Timestamp>) = (columns.next()?, columns.next()?);
    let state = match (state.as_str(), due) {
        ("pending", Some(due)) => DeliveryState::Pending(due),
        ("delivered", None) => DeliveryState::Delivered,
        ("failed", None) => DeliveryState::Failed,
        _ => return Err(Failure::damaged("delivery", BadWord(state))),
    };
    let (attempts, created, attempted) = (columns.next()?, columns.next()?, columns.next()?);
    let status: Option<u32> = columns.next()?;
    let status = status.and_then(|status| u16::try_from(status).ok());
    let error = columns.next()?;
    Ok(Delivery { id, webhook, kind, body, state, attempts, created, attempted, status, error })
}

impl Tx<'_> {
    /// Adds a delivery that is due and was never tried, unless its webhook is gone. Returns how many were added.
    pub(super) async fn insert_delivery(&mut self, delivery: &Delivery) -> Result<u64, Failure> {
        let DeliveryState::Pending(due) = delivery.state else { return Ok(0) };
        let values = values![
            delivery.id,
            delivery.webhook,
            delivery.kind,
            delivery.body.as_slice(),
            due,
            delivery.created,
        ];
        self.execute(&INSERT_DELIVERY, values).await
    }
}

macro_rules! webhook_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id, ",
            $of,
            "project, ",
            $of,
            "url, ",
            $of,
            "events, ",
            $of,
            "description, ",
            $of,
            "pepper, ",
            $of,
            "generation, ",
            $of,
            "former_pepper, ",
            $of,
            "former, ",
            $of,
            "former_until, ",
            $of,
            "paused, ",
            $of,
            "paused_since, ",
            $of,
            "failing_since, ",
            $of,
            "dropped, ",
            $of,
            "created, ",
            $of,
            "revision"
        )
    };
}
pub(super) use webhook_columns;

macro_rules! delivery_columns {
    () => {
        "id, webhook, event, body, state, due, attempts, created, attempted, status, error"
    };
}
pub(super) use delivery_columns;

pub(super) const WEBHOOK: Statement =
    statement!("SELECT ", webhook_columns!(""), " FROM webhooks WHERE id = $1 AND project = $2");
pub(super) const WEBHOOKS: Statement = statement!(
    "SELECT ",
    webhook_columns!(""),
    " FROM webhooks WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3"
);
pub(crate) const ALL_WEBHOOKS: Statement =
    statement!("SELECT ", webhook_columns!(""), " FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2");
pub(super) const DELIVERIES: Statement = statement!(
    "SELECT ",
    delivery_columns!(),
    " FROM webhook_deliveries WHERE webhook = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
const INSERT_DELIVERY: Statement = statement!(
    "INSERT INTO webhook_deliveries (id, webhook, event, body, state, due, attempts, created) \
     SELECT $1, id, $3, $4, 'pending', $5, 0, $6 FROM webhooks WHERE id = $2"
);
