//! Notes of a run: of the class as a whole, or of one of its places.

use super::session::Session;
use crate::ids::PlaceName;

#[derive(Clone, Default)]
pub(super) struct Notes(Vec<(Option<PlaceName>, String)>);

impl Notes {
    pub(crate) fn push(&mut self, text: String) {
        self.0.push((None, text));
    }

    pub(crate) fn extend(&mut self, texts: impl IntoIterator<Item = String>) {
        self.0.extend(texts.into_iter().map(|text| (None, text)));
    }

    pub(crate) fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Adds notes of one place.
    pub(crate) fn at(&mut self, session: &Session, texts: impl IntoIterator<Item = String>) {
        let of_place = texts.into_iter().map(|text| (session.place.clone(), text));
        self.0.extend(of_place);
    }

    /// The notes as they are shown. What each of the places (`count`) has to say alike is said once.
    pub(crate) fn texts(self, count: usize) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (place, text) in &self.0 {
            let alike = self.0.iter().filter(|(_, other)| other == text).count();
            let shown = match place {
                Some(place) if count < 2 || alike < count => format!("place {place}: {text}"),
                _ => text.clone(),
            };
            if place.is_none() || !texts.contains(&shown) {
                texts.push(shown);
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(notes: &[(Option<&str>, &str)], count: usize) -> Vec<String> {
        let notes = notes
            .iter()
            .map(|(place, text)| (place.map(|name| name.parse().unwrap()), (*text).to_owned()));
        Notes(notes.collect()).texts(count)
    }

    #[test]
    fn what_every_place_says_alike_is_said_once_and_the_rest_names_its_place() {
        let (east, west) = (Some("east"), Some("west"));
        let notes = [
            (None, "all"),
            (east, "alike"),
            (east, "own"),
            (west, "alike"),
        ];
        assert_eq!(said(&notes, 2), ["all", "alike", "place east: own"]);
        // Of the one place that could be reached nobody knows whether it is so at the others.
        assert_eq!(said(&[(east, "alike")], 1), ["place east: alike"]);
        assert_eq!(said(&[(None, "a"), (None, "a")], 1), ["a", "a"]);
    }
}
