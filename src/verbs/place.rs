//! A class that was last deployed in another account or region: asks before anything is made or deleted in this one.

use jiff::Timestamp;

use super::ask::{answer, can_ask};
use super::session::Session;
use super::sessions::Sessions;
use crate::error::{Error, Exit, Result};

impl Sessions {
    /// [`Session::agree_on_place`], one place after the other.
    pub(crate) async fn agree_on_places(&self) -> Result<()> {
        for session in &self.places {
            session.agree_on_place(can_ask(self)).await?;
        }
        Ok(())
    }
}

impl Session {
    /// Goes on where the class was last deployed, where it never was, and where the command line names this account and
    /// region. Otherwise it asks.
    ///
    /// # Errors
    /// [`Exit::Refused`]: the answer is no, or there is no terminal to ask at.
    async fn agree_on_place(&self, can_ask: bool) -> Result<()> {
        // An endpoint of one's own, such as the embedded cloud, is no account that a class lives in.
        if !self.client.is_aws() {
            return Ok(());
        }
        let files = self.files();
        let Some(last) = files.deployed_place()? else {
            return Ok(());
        };
        let here = files.place(Timestamp::now());
        let unlike = last.unlike(&here);
        let named = &self.class.named_place;
        let Some((_, first)) = unlike.iter().find(|(_, value)| !named.contains(value)) else {
            return Ok(());
        };
        let (class, was, is) = (self.class.name(), last.words(), here.words());
        let day = last.at.strftime("%F");
        if can_ask {
            let question = format!(
                "Class {class} was last deployed in {was} ({day}).\nThis is {is}.\nType {first} to go on here, anything \
                 else to leave it: "
            );
            if answer(&question).await? == *first {
                return Ok(());
            }
        }
        let cause =
            format!("was last deployed in {was} ({day}), and this is {is}; nothing was touched");
        let options = unlike
            .iter()
            .map(|(option, value)| format!(" --{option} {value}"));
        let hint = format!(
            "choose the other account or region with --profile and --region; if you mean this one: the same command with{}",
            options.collect::<String>()
        );
        Err(Error::new(Exit::Refused, format!("class {class}"), cause).hint(hint))
    }

    /// When the class was last deployed in this account and region from here, in milliseconds since 1970.
    pub(crate) fn deployed_ms(&self) -> Option<i64> {
        let files = self.files();
        let last = files.deployed_place().ok().flatten()?;
        let is_here = last.unlike(&files.place(last.at)).is_empty();
        is_here.then(|| last.at.as_millisecond())
    }

    /// Keeps that the class is deployed in this account and region. A note where that fails.
    pub(crate) fn keep_place(&self) -> Option<String> {
        if !self.client.is_aws() {
            return None;
        }
        let error = self.files().keep_place(Timestamp::now()).err()?;
        Some(format!(
            "that the class is deployed here could not be kept, so a deployment elsewhere will not ask: {error}"
        ))
    }
}
