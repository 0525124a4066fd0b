//! How each place of a class is connected to.

use super::class::Class;
use super::session::{Session, in_region};
use crate::aws::configured::credential_source;
use crate::aws::{AssumedRole, ConnectOptions};
use crate::error::{Error, Exit, Result};
use crate::ids::{ClassName, PlaceName};
use crate::options::{ClassSettings, CloudTarget, PlaceSettings};

/// A place to connect to.
pub(super) struct Door {
    pub(super) place: Option<PlaceName>,
    pub(super) role: Option<AssumedRole>,
    /// With the place's settings, and everybody.
    pub(super) class: Class,
}

impl Class {
    pub(super) fn door(&self, place: &PlaceSettings) -> Door {
        Door {
            place: Some(place.name.clone()),
            role: role_of(place, self.name()),
            class: Self {
                settings: settings_at(&self.settings, place),
                ..self.clone()
            },
        }
    }
}

/// The class's settings at one of its places.
pub(super) fn settings_at(settings: &ClassSettings, place: &PlaceSettings) -> ClassSettings {
    ClassSettings {
        target: CloudTarget::Aws {
            profile: place.profile.clone(),
            endpoint_url: place.endpoint_url.clone(),
        },
        region: Some(place.region.clone()),
        account: place.account.clone(),
        invoke_base: place.invoke_base.clone(),
        role_boundary: place.role_boundary.clone(),
        quotas: place.quotas.clone(),
        ..settings.clone()
    }
}

/// The role that is assumed at a place.
pub(super) fn role_of(place: &PlaceSettings, class: &ClassName) -> Option<AssumedRole> {
    let arn = place.role_arn.as_ref()?;
    Some(AssumedRole {
        arn: arn.as_str().to_owned(),
        session: format!("homeroom-{class}"),
    })
}

impl Session {
    /// The role that is assumed at this place.
    pub(crate) fn assumed_role(&self) -> Option<String> {
        let mut places = self.class.settings.places.iter();
        let place = places.find(|place| Some(&place.name) == self.place.as_ref())?;
        place.role_arn.as_ref().map(|role| role.as_str().to_owned())
    }
}

impl Door {
    pub(super) async fn open(self) -> Result<Session> {
        let CloudTarget::Aws {
            profile,
            endpoint_url,
        } = self.class.settings.target.clone()
        else {
            return Err(Error::new(Exit::General, "AWS", "the target is not AWS"));
        };
        let options = ConnectOptions {
            profile: profile.map(|p| p.to_string()),
            role: self.role,
            endpoint_url: endpoint_url.map(|u| u.to_string()),
            invoke_base: self
                .class
                .settings
                .invoke_base
                .as_ref()
                .map(ToString::to_string),
            ..ConnectOptions::default()
        };
        let source = credential_source(options.profile.as_deref()).await?;
        let region = self.class.settings.region.as_ref();
        let options = in_region(region, &self.class.lab, options, self.class.settings.ui).await?;
        self.class.open(options, Some(source), self.place).await
    }
}
