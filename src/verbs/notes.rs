//! Notes of a run: of the class as a whole, or of one of its places.

use super::session::Session;
use crate::ids::PlaceName;

#[derive(Default)]
pub(super) struct Notes(Vec<(Option<PlaceName>, String)>);

impl Notes {
    pub(crate) fn push(&mut self, text: String) {
        self.0.push((None, text));
    }

    pub(crate) fn extend(&mut self, texts: impl IntoIterator<Item = String>) {
        self.0.extend(texts.into_iter().map(|text| (None, text)));
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
