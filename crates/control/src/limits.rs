use std::time::Duration;

use casemate_limits::Quota;
use casemate_model::{StoreError, Timestamp};
use casemate_policy::{Resource, operation};
use casemate_throttle::{Override, SetOverride, Subject, Throttle, Tier};

use crate::{Caller, Control, ControlError};

/// How often overrides are read anew: what was set on another node is in force here well within a second.
const READ_INTERVAL: Duration = Duration::from_millis(500);

/// How long one reading may take before the next is due.
const READ_WAIT_MAX: Duration = Duration::from_millis(400);

/// Readings between two looks at how many subjects are limited, which walk over all of them.
const SAY_EVERY: u32 = 10;

/// An exception that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverrideRequest {
    /// For which requests.
    pub tier: Tier,
    /// For whom.
    pub subject: Subject,
    /// What is allowed instead.
    pub quota: Quota,
    /// From when on it is over.
    pub expires: Timestamp,
}

/// Keeps the overrides in force those that are stored.
pub(crate) async fn keep(control: Control) {
    let mut ticks = tokio::time::interval(READ_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut round, mut failing) = (0_u32, false);
    loop {
        tokio::select! {
            () = control.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if round.is_multiple_of(SAY_EVERY) {
            control.throttle().say(control.now());
        }
        round = round.wrapping_add(1);
        let read = tokio::time::timeout(READ_WAIT_MAX, control.read_overrides()).await;
        let failed = !matches!(read, Ok(Ok(())));
        // Those that were read before stay in force. One line when it begins, not two each second.
        if failed && !failing {
            tracing::warn!("overrides of limits cannot be read; those known stay in force");
        }
        failing = failed;
    }
}

impl Control {
    /// Counts requests. Faces charge what they are asked for before they do it.
    pub fn throttle(&self) -> &Throttle {
        &self.parts.throttle
    }

    /// Lists the overrides that are in force.
    pub async fn list_limits(&self, caller: &Caller) -> Result<Vec<Override>, ControlError> {
        self.permit::<operation::ListLimits>(caller, &Resource::all("limits")).await?;
        let now = self.now();
        let mut overrides = self.parts.overrides.overrides().await?;
        overrides.retain(|set| now < set.expires);
        Ok(overrides)
    }

    /// Sets an override, in force here at once and on other nodes within a second.
    pub async fn set_limit(
        &self,
        caller: &Caller,
        wanted: OverrideRequest,
    ) -> Result<Override, ControlError> {
        let OverrideRequest { tier, subject, quota, expires } = wanted;
        let resource = Resource::all("limits");
        let permit = self.permit::<operation::SetLimit>(caller, &resource).await?;
        let set = Override { tier, subject, quota, expires, created: self.now() };
        set.check(self.now())?;
        let mut event = self.event(caller, permit.action(), format!("limit:{tier}:{subject}"), "set");
        event.details.push(("per_second".to_owned(), quota.per_second.to_string()));
        event.details.push(("burst".to_owned(), quota.burst.to_string()));
        event.details.push(("expires".to_owned(), expires.to_string()));
        match self.parts.overrides.set_override(&set, event).await? {
            SetOverride::Made | SetOverride::Replaced => {}
            SetOverride::TooMany => return Err(ControlError::TooManyOverrides),
        }
        self.read_overrides().await?;
        Ok(set)
    }

    /// Removes an override.
    pub async fn remove_limit(
        &self,
        caller: &Caller,
        tier: Tier,
        subject: Subject,
    ) -> Result<(), ControlError> {
        let resource = Resource::all("limits");
        let permit = self.permit::<operation::RemoveLimit>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), format!("limit:{tier}:{subject}"), "removed");
        let removed = self.parts.overrides.remove_override(tier, subject, event).await?;
        self.read_overrides().await?;
        if removed { Ok(()) } else { Err(ControlError::OverrideNotFound { tier, subject }) }
    }

    async fn read_overrides(&self) -> Result<(), StoreError> {
        let overrides = self.parts.overrides.overrides().await?;
        self.throttle().set_overrides(overrides);
        Ok(())
    }
}
