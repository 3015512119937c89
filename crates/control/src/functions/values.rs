use casemate_functions::{FunctionName, ValueBefore, ValueChanged, ValueInfo, ValueKey, ValuePage};
use casemate_model::Pattern;
use casemate_policy::{Resource, operation};

use super::FunctionError;
use crate::{Caller, Control, ControlError};

impl Control {
    /// Lists values that a function of the caller's project keeps, by key.
    pub async fn list_function_values(
        &self,
        caller: &Caller,
        name: &FunctionName,
        page: ValuePage,
    ) -> Result<Vec<ValueInfo>, ControlError> {
        let permit = self.permit::<operation::ListFunctionValues>(caller, &super::resource(name)).await?;
        self.own_function(permit.project(), name).await?;
        Ok(self.parts.function_values.values(permit.project(), name, &page).await?)
    }

    /// Reads a value that a function keeps.
    pub async fn read_function_value(
        &self,
        caller: &Caller,
        name: &FunctionName,
        key: &ValueKey,
    ) -> Result<(ValueInfo, Vec<u8>), ControlError> {
        let permit = self.permit::<operation::ReadFunctionValue>(caller, &resource(name, key)).await?;
        if let Some(found) = self.parts.function_values.value(permit.project(), name, key).await? {
            return Ok(found);
        }
        self.own_function(permit.project(), name).await?;
        Err(no_value(name, key))
    }

    /// Sets a value that a function keeps, of at most [`VALUE_BYTES_MAX`](casemate_functions::VALUE_BYTES_MAX) bytes.
    pub async fn set_function_value(
        &self,
        caller: &Caller,
        (name, key): (&FunctionName, &ValueKey),
        bytes: &[u8],
        before: ValueBefore,
    ) -> Result<ValueInfo, ControlError> {
        let resource = resource(name, key);
        let permit = self.permit::<operation::SetFunctionValue>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, format!("{} bytes", bytes.len()));
        let values = &self.parts.function_values;
        match values.set_value(permit.project(), (name, key), bytes, before, event).await? {
            ValueChanged::Set(value) => Ok(value),
            other => Err(refused(other, name, key)),
        }
    }

    /// Removes a value that a function keeps.
    pub async fn remove_function_value(
        &self,
        caller: &Caller,
        (name, key): (&FunctionName, &ValueKey),
        before: ValueBefore,
    ) -> Result<(), ControlError> {
        let resource = resource(name, key);
        let permit = self.permit::<operation::RemoveFunctionValue>(caller, &resource).await?;
        let event = self.event(caller, permit.action(), &resource, "removed");
        let values = &self.parts.function_values;
        match values.remove_value(permit.project(), (name, key), before, event).await? {
            ValueChanged::Removed => Ok(()),
            other => Err(refused(other, name, key)),
        }
    }
}

fn refused(changed: ValueChanged, name: &FunctionName, key: &ValueKey) -> ControlError {
    match changed {
        ValueChanged::NoFunction => FunctionError::NotFound(name.clone()).into(),
        ValueChanged::Other(revision) => FunctionError::OtherValue(revision).into(),
        ValueChanged::Full => FunctionError::ValuesFull.into(),
        ValueChanged::NoValue | ValueChanged::Set(_) | ValueChanged::Removed => no_value(name, key),
    }
}

fn no_value(name: &FunctionName, key: &ValueKey) -> ControlError {
    FunctionError::NoValue { name: name.clone(), key: key.clone() }.into()
}

/// A value. Scopes know functions, and not single values.
fn resource(name: &FunctionName, key: &ValueKey) -> Resource {
    Resource::matching(format!("function:{name}/values/{key}"), Pattern::one(name.as_str()))
}
