//! Whose is a resource? Everything that homeroom creates carries its owner; nothing else is ever changed or deleted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{ClassName, LabId, Scope, Username};
use crate::text::hex;
use crate::text::json::canonical;

pub(crate) const TAG_CLASS: &str = "homeroom:class";
pub(crate) const TAG_STUDENT: &str = "homeroom:student";
pub(crate) const TAG_LAB: &str = "homeroom:lab";
/// IAM roles are global, and only this tag says which region's stack a role belongs to.
pub(crate) const TAG_REGION: &str = "homeroom:region";
/// Fingerprint of what homeroom last deployed.
pub const TAG_DEPLOYED: &str = "homeroom:deployed";

/// Tags as AWS returns them.
pub type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    pub class: ClassName,
    pub student: Username,
    pub lab: LabId,
}

impl Owner {
    /// The tags that a new resource is created with.
    pub(crate) fn tags(&self, scope: &Scope, deployed: &Fingerprint) -> Tags {
        [
            (TAG_CLASS, self.class.to_string()),
            (TAG_STUDENT, self.student.to_string()),
            (TAG_LAB, self.lab.to_string()),
            (TAG_REGION, scope.region.clone()),
            (TAG_DEPLOYED, deployed.to_string()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .into()
    }

    /// Reads an owner back from tags; `None` when any of the three is missing or not a name of ours.
    pub(crate) fn from_tags(tags: &Tags) -> Option<Self> {
        Some(Self {
            class: tags.get(TAG_CLASS)?.parse().ok()?,
            student: tags.get(TAG_STUDENT)?.parse().ok()?,
            lab: tags.get(TAG_LAB)?.parse().ok()?,
        })
    }

    /// The one-line record in the description of a function or stage, or in the comment of a state machine's definition:
    /// there a listing shows it, so that a class is observed by listing.
    pub(crate) fn record(&self, fingerprints: &[(&str, &Fingerprint)]) -> String {
        let mut text = format!(
            "homeroom class={} student={} lab={}",
            self.class, self.student, self.lab
        );
        for (key, fingerprint) in fingerprints {
            text.push_str(&format!(" {key}={fingerprint}"));
        }
        text
    }
}

/// A record read back from a description or comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: Owner,
    pub(crate) fingerprints: BTreeMap<String, Fingerprint>,
}

impl Record {
    /// Finds a record anywhere in a text; `None` when there is none or it does not parse.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let start = text.find("homeroom class=")?;
        let words = text[start..].trim_end_matches(']').split_whitespace();
        let pairs = words.skip(1).map_while(|word| word.split_once('='));
        let mut fields: BTreeMap<&str, &str> = pairs
            .map(|(key, value)| (key, value.trim_end_matches([']', ',', '.'])))
            .collect();
        let owner = Owner {
            class: fields.remove("class")?.parse().ok()?,
            student: fields.remove("student")?.parse().ok()?,
            lab: fields.remove("lab")?.parse().ok()?,
        };
        let print = |(key, value): (&str, &str)| (key.to_owned(), Fingerprint(value.to_owned()));
        Some(Self {
            owner,
            fingerprints: fields.into_iter().map(print).collect(),
        })
    }
}

/// What is known of whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// Its tags or record name this class.
    Ours(Owner),
    /// They name another class.
    OtherClass(Owner),
    /// It is this class's, but belongs to a stack in this other region.
    OtherRegion(String),
    /// It carries nothing of homeroom's.
    Foreign,
    /// Nobody asked it yet: the listing shows no tags.
    Unproven,
}

impl Ownership {
    pub(crate) fn from_tags(tags: &Tags, class: &ClassName) -> Self {
        Self::from_owner(Owner::from_tags(tags), class)
    }

    pub(crate) fn from_owner(owner: Option<Owner>, class: &ClassName) -> Self {
        match owner {
            Some(owner) if owner.class == *class => Self::Ours(owner),
            Some(owner) => Self::OtherClass(owner),
            None => Self::Foreign,
        }
    }

    /// What a record alone proves. Descriptions and definitions can be edited and copied, so a record counts only where it
    /// names the owner that the resource's name stands for; otherwise the tags decide.
    pub(crate) fn from_record(record: Option<&Owner>, expected: Option<&Owner>) -> Self {
        match (record, expected) {
            (Some(record), Some(expected)) if record == expected => Self::Ours(expected.clone()),
            _ => Self::Unproven,
        }
    }

    /// Why homeroom must not touch it for this owner; `None` when it may.
    pub(crate) fn why_not(&self, wanted: &Owner) -> Option<String> {
        match self {
            Self::Ours(owner) if owner == wanted => None,
            Self::Ours(owner) | Self::OtherClass(owner) => Some(format!(
                "belongs to class {}, student {}, lab {}",
                owner.class, owner.student, owner.lab
            )),
            Self::OtherRegion(region) => Some(format!(
                "belongs to this class's stack in region {region}; is that the region you meant (--region)?"
            )),
            Self::Foreign | Self::Unproven => {
                Some("exists and does not carry this class's tags".to_owned())
            }
        }
    }

    /// What to do about something with a student's name that somebody else owns; `None` where only the general hint for
    /// conflicts fits.
    pub(crate) fn advice(&self, wanted: &Owner) -> Option<String> {
        let student = &wanted.student;
        let owner = match self {
            Self::OtherRegion(region) => {
                return Some(format!(
                    "this stack is in region {region}: add --region {region}; a student has one stack in an account, since \
                     IAM's names hold for all regions"
                ));
            }
            Self::Ours(owner) | Self::OtherClass(owner) => owner,
            Self::Foreign | Self::Unproven => return None,
        };
        let (class, other, lab) = (&owner.class, &owner.student, &owner.lab);
        Some(if !other.as_str().eq_ignore_ascii_case(student.as_str()) {
            format!(
                "it is the stack of student {other} in class {class}: give {student} another username"
            )
        } else if *class != wanted.class {
            format!(
                "these stacks are class {class}: add --class {class}; if it is another course's, give the student another \
                 username in this class"
            )
        } else if other != student {
            format!("it is the same student in another spelling: write '{other}' in the roster")
        } else {
            format!("it belongs to this class's lab {lab}: name that lab's folder with --lab")
        })
    }
}

/// Whose an IAM role or user is. The class's path is proof enough, since only homeroom creates any below it. IAM is global,
/// so only the tag says which region it belongs to. `expected`: the owner that its name stands for, used where a listing
/// shows no tags.
pub(crate) fn of_principal(
    path: &str,
    tags: &Tags,
    scope: &Scope,
    class: &ClassName,
    expected: Option<&Owner>,
) -> Ownership {
    let tagged = Owner::from_tags(tags);
    if path != Scope::role_path(class) {
        return match tagged {
            // Our tags outside our path: someone copied them. Not provably ours.
            Some(owner) if owner.class == *class => Ownership::Foreign,
            other => Ownership::from_owner(other, class),
        };
    }
    if let Some(region) = tags
        .get(TAG_REGION)
        .filter(|region| **region != scope.region)
    {
        return Ownership::OtherRegion(region.clone());
    }
    Ownership::from_owner(tagged.or_else(|| expected.cloned()), class)
}

/// A short digest of what was deployed: 16 hexadecimal digits of a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Digest of several parts; their boundaries count.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        Self(hex(&digest[..8]))
    }

    /// Digest of a JSON document, whatever its white space and the order of its keys.
    pub(crate) fn of_json(value: &serde_json::Value) -> Self {
        Self::of([canonical(value).as_str()])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
