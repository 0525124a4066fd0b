//! The lab's settings as `--set` takes them, and the words that one of them takes. Nothing lists those words: the lab is asked
//! about each that any setting may take.

use std::collections::BTreeMap;

use crate::ids::ApiType;
use crate::lab::Lab;
use crate::lab::settle::NO_FIGURE;
use crate::stack::kinds::api::Authorization;
use crate::stack::kinds::log_group::RETENTION_DAYS;

impl Lab {
    /// Each setting with its value, as a text.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&String, String)> {
        let settings = self.settings.iter();
        settings.map(|(key, value)| match value {
            toml::Value::String(text) => (key, text.clone()),
            other => (key, other.to_string()),
        })
    }

    /// The words that a setting takes where it does not take just any.
    pub(crate) fn choices_of(&self, key: &str) -> Vec<String> {
        // The last word is one that no list has.
        let (mut words, just_any) = match self.settings.get(key) {
            Some(toml::Value::Boolean(_)) => (["true", "false"].map(str::to_owned).to_vec(), "?"),
            Some(toml::Value::Integer(_)) => {
                (RETENTION_DAYS.map(|days| days.to_string()).to_vec(), "2")
            }
            Some(toml::Value::String(_)) => {
                let types = ApiType::ALL.map(ApiType::as_str);
                let authorizations = Authorization::ALL.map(Authorization::as_str);
                let words = types.into_iter().chain(authorizations).chain([NO_FIGURE]);
                (words.map(str::to_owned).collect(), "?")
            }
            _ => return Vec::new(),
        };
        let takes = |word: &str| {
            let text = BTreeMap::from([(key.to_owned(), word.to_owned())]);
            let lab = self.clone().with_overrides(&BTreeMap::new(), &text);
            lab.is_ok()
        };
        if takes(just_any) {
            return Vec::new();
        }
        words.retain(|word| takes(word));
        words
    }
}
