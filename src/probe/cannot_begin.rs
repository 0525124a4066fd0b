//! Whether the function behind an API cannot even begin: no waiting mends that.
//!
//! API Gateway answers 502 then, which says nothing: a function that was just written, or a slow one, looks the same. The
//! function's own log tells. Lambda's runtime writes there that it could not load the code, with a code of its own. Such a
//! line proves that the request reached the function, so no permission and no stage is still on its way; and that it is
//! this very code, where the line is younger than the last write and nobody has written since. Loading the same code again
//! ends the same way. Whatever else a function raises may be another next time, and is waited for.

use crate::aws::stop::Cancelled;
use crate::aws::{CallError, Client, Operation};
use crate::evidence::functions::FunctionLook;
use crate::evidence::log_events::exception;
use crate::ids::Username;
use crate::stack::alike::Alike;
use crate::stack::kinds::function::log_group_of;

/// Codes with which Lambda's runtimes refuse code before any of it runs. Sources: `awslambdaric`
/// (`lambda_runtime_exception.py`, raised in `bootstrap.py` by `_get_handler`) and `aws-lambda-nodejs-runtime-interface-client`
/// (`src/Errors.js`).
const CANNOT_BEGIN: [&str; 5] = [
    "Runtime.UserCodeSyntaxError",
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.MalformedHandlerName",
    "Runtime.BuiltInModuleConflict",
];

/// How long after a write older code may still answer, in milliseconds: a function serves it until the write has settled.
/// Lambda Developer Guide, "Lambda function states": seconds for a zip.
const WRITE_SETTLES_MS: i64 = 5_000;

/// A function that cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CannotBegin {
    pub(crate) function: String,
    /// Lambda's code and message.
    why: String,
}

impl CannotBegin {
    pub(crate) fn sentence(&self) -> String {
        format!(
            "Lambda function {} cannot begin: {}",
            self.function, self.why
        )
    }
}

/// Looks into the log of a function, as it was found before the probes began.
///
/// # Errors
/// Only when the run is stopped: what cannot be read proves nothing.
pub(super) async fn cannot_begin(
    client: &Client,
    student: &Username,
    (function, look): &FunctionLook,
    since_ms: i64,
) -> Result<Option<CannotBegin>, Cancelled> {
    let Some(modified_ms) = look.as_ref().ok().and_then(|state| state.modified_ms) else {
        return Ok(None);
    };
    let since_ms = since_ms.max(modified_ms + WRITE_SETTLES_MS);
    let alike = Alike::new(client, student, Operation::FilterLogEvents);
    let group = log_group_of(function);
    let page = alike.client.log_lines_page(&group, since_ms);
    let Some(page) = read(alike.answer(page).await)? else {
        return Ok(None);
    };
    let newest = page.items.iter().rev();
    let Some(why) = newest.filter_map(|line| exception(&line.message)).next() else {
        return Ok(None);
    };
    let code = why.split(':').next().unwrap_or_default();
    if !CANNOT_BEGIN.contains(&code) {
        return Ok(None);
    }
    let now = read(client.get_function(function).await)?;
    let same = now.is_some_and(|state| state.modified_ms == Some(modified_ms));
    Ok(same.then(|| CannotBegin {
        function: function.clone(),
        why,
    }))
}

/// An answer, where there is one.
fn read<T>(answer: Result<T, CallError>) -> Result<Option<T>, Cancelled> {
    match answer {
        Ok(read) => Ok(Some(read)),
        Err(CallError::Cancelled) => Err(Cancelled),
        Err(CallError::Cloud(_)) => Ok(None),
    }
}
