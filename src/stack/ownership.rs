//! Whose is it? Everything that homeroom creates says so on itself; nothing else is ever changed or deleted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{ClassName, LabId, Scope, Username};
use crate::text::hex;
use crate::text::json::canonical;

/// Tag: the class.
pub(crate) const TAG_CLASS: &str = "homeroom:class";
/// Tag: the student.
pub(crate) const TAG_STUDENT: &str = "homeroom:student";
/// Tag: the lab.
pub(crate) const TAG_LAB: &str = "homeroom:lab";
/// Tag: the region. IAM roles are global, and only this tells which region's stack a role belongs to.
pub(crate) const TAG_REGION: &str = "homeroom:region";
/// Tag: fingerprint of what homeroom last deployed.
pub const TAG_DEPLOYED: &str = "homeroom:deployed";

/// Tags as AWS returns them.
pub type Tags = BTreeMap<String, String>;

/// Who a resource of ours belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The class.
    pub class: ClassName,
    /// The student.
    pub student: Username,
    /// The lab.
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

    /// The one-line record that stands where a listing shows it (a function's description, a stage's
    /// description, the comment of a state machine's definition), so that a class is observed by listing.
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
    /// Whose it is.
    pub(crate) owner: Owner,
    /// The fingerprints that the record names, by key.
    pub(crate) fingerprints: BTreeMap<String, Fingerprint>,
}

impl Record {
    /// Finds a record anywhere in a text; `None` when there is none or it does not parse.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let start = text.find("homeroom class=")?;
        let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
        for word in text[start..]
            .trim_end_matches(']')
            .split_whitespace()
            .skip(1)
        {
            let Some((key, value)) = word.split_once('=') else {
                break;
            };
            fields.insert(key, value.trim_end_matches([']', ',', '.']));
        }
        let owner = Owner {
            class: fields.remove("class")?.parse().ok()?,
            student: fields.remove("student")?.parse().ok()?,
            lab: fields.remove("lab")?.parse().ok()?,
        };
        let fingerprints = fields
            .into_iter()
            .map(|(k, v)| (k.to_owned(), Fingerprint(v.to_owned())))
            .collect();
        Some(Self {
            owner,
            fingerprints,
        })
    }
}

/// What is known of whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// It says that it is this class's.
    Ours(Owner),
    /// It says that it is another class's, or that class's other lab.
    OtherClass(Owner),
    /// It is this class's, but its stack is in another region.
    OtherRegion(String),
    /// It says nothing of homeroom.
    Foreign,
    /// Nobody asked it yet: the listing shows no tags.
    Unproven,
}

impl Ownership {
    /// What tags say, for a class.
    pub(crate) fn from_tags(tags: &Tags, class: &ClassName) -> Self {
        Self::from_owner(Owner::from_tags(tags), class)
    }

    /// What an owner, if one was found, means for a class.
    pub(crate) fn from_owner(owner: Option<Owner>, class: &ClassName) -> Self {
        match owner {
            Some(owner) if owner.class == *class => Self::Ours(owner),
            Some(owner) => Self::OtherClass(owner),
            None => Self::Foreign,
        }
    }

    /// What a record alone proves. Descriptions and definitions can be edited and copied, so a record counts
    /// only where it says just what the resource's name stands for; anything else is for the tags to say.
    pub(crate) fn from_record(record: Option<&Owner>, expected: Option<&Owner>) -> Self {
        match (record, expected) {
            (Some(record), Some(expected)) if record == expected => Self::Ours(expected.clone()),
            _ => Self::Unproven,
        }
    }

    /// Why it is not this owner's to touch; `None` when it is.
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

    /// What to do about something with a student's name that is somebody else's; `None` where nothing better is known than
    /// what holds for everything foreign.
    pub(crate) fn advice(&self, wanted: &Owner) -> Option<String> {
        let student = &wanted.student;
        match self {
            Self::OtherRegion(region) => Some(format!(
                "this stack is in region {region}: add --region {region}; a student has one stack in an account, since \
                 IAM's names hold for all regions"
            )),
            Self::Ours(owner) | Self::OtherClass(owner) => {
                let same = owner
                    .student
                    .as_str()
                    .eq_ignore_ascii_case(student.as_str());
                Some(if !same {
                    format!(
                        "it is the stack of student {} in class {}: give {student} another username",
                        owner.student, owner.class
                    )
                } else if owner.class != wanted.class {
                    format!(
                        "these stacks are class {0}: add --class {0}; if it is another course's, give the student another \
                         username in this class",
                        owner.class
                    )
                } else if owner.student != *student {
                    format!(
                        "it is the same student in another spelling: write '{}' in the roster",
                        owner.student
                    )
                } else {
                    format!(
                        "it is of this class's lab {}: name that lab's folder with --lab",
                        owner.lab
                    )
                })
            }
            Self::Foreign | Self::Unproven => None,
        }
    }
}

/// Whose an IAM role or user is. The class's path is proof enough: nothing but homeroom creates any below it, and IAM is
/// global, so only the tag tells whose region it is. `expected` is the owner that its name stands for, used where a
/// listing shows no tags.
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
    match tags.get(TAG_REGION) {
        Some(region) if *region != scope.region => {
            return Ownership::OtherRegion(region.clone());
        }
        _ => {}
    }
    match tagged.as_ref().or(expected) {
        Some(owner) if owner.class == *class => Ownership::Ours(owner.clone()),
        Some(owner) => Ownership::OtherClass(owner.clone()),
        None => Ownership::Foreign,
    }
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
