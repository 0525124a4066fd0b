//! What a rehearsal sets up: its class, and AWS's limits.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::{Cli, RehearseArgs};
use crate::error::{Error, Exit, Result};
use crate::files::{class_dir, write_whole};
use crate::ids::{CLASS_MAX, ClassName, Scope};
use crate::lab::Lab;
use crate::lab::allowed::JudgedRisks;
use crate::lab::bundle::DEMO_ROSTER;
use crate::local;
use crate::options::{GlobalOptions, QuotaScale};
use crate::strict::{self, Proxy};
use crate::verbs::class::{Class, invalid};
use crate::verbs::say::general;
use crate::verbs::session::embedded;

/// The suffix of the class's name, so that a rehearsal never meets the real class.
const SUFFIX: &str = "-rehearsal";

/// The class under a name of its own, with settings that leave nothing to chance.
pub(super) fn prepare(cli: &Cli, args: &RehearseArgs, mut class: Class) -> Result<Class> {
    let name = class.name().as_str();
    let short = &name[..name.len().min(CLASS_MAX - SUFFIX.len())];
    let named: ClassName = format!("{short}{SUFFIX}").parse().map_err(|error| {
        Error::new(Exit::Invalid, "--class", format!("{short}{SUFFIX} {error}"))
    })?;
    // Proposed commands must find the rehearsal's cloud and class. Without --keep both are gone, so none is proposed.
    class.invocation = if args.keep {
        crate::verbs::invocation::of(&GlobalOptions {
            roster: match class.settings.roster_built_in {
                true => Some(keep_roster(&class, &named)?),
                false => cli.global.roster.clone(),
            },
            class: Some(named.clone()),
            local: Some(true),
            profile: None,
            region: None,
            endpoint_url: None,
            account: None,
            ..cli.global.clone()
        })
    } else {
        String::new()
    };
    class.settings.class = named;
    if args.strict && cli.global.quota_scale.is_none() {
        // `--quota-scale off` is for a person who wants to see throttles.
        let own = match class.settings.quota_scale {
            QuotaScale::Factor(factor) => factor,
            QuotaScale::Off => 1.0,
        };
        class.settings.quota_scale = QuotaScale::Factor(own * f64::from(args.scale));
    }
    let settings = class.lab.rehearsal_settings().clone();
    // What was typed counts even so.
    let texts = &class.settings.lab_texts;
    let lab = Lab::clone(&class.lab).with_overrides(&settings, texts);
    // A rehearsal does not depend on the day on which it is held.
    class.settings.ends = None;
    class.lab = Arc::new(lab.map_err(invalid)?.ending(None));
    Ok(class)
}

/// Refuses what the deployment would refuse of the lab, before a cloud is started for it.
pub(super) fn refuse_broken(class: &Class) -> Result<()> {
    let (lab, students) = (&class.lab, &class.students);
    let desired = class.desired(&Scope::of_nobody(lab.region()), students)?;
    lab.hold_policies(&desired, students).map_err(invalid)?;
    let risks = lab.risks(&desired, students);
    JudgedRisks::of(risks, &class.settings.allow_in_roles).refuse(lab.id())
}

/// Writes the built-in roster beside the class's other files: commands that look around afterwards must name a roster.
fn keep_roster(class: &Class, named: &ClassName) -> Result<PathBuf> {
    let path = class_dir(&class.settings.reports, named).join("roster.csv");
    write_whole(&path, DEMO_ROSTER).map_err(general("the built-in roster"))?;
    Ok(path)
}

/// AWS's limits in front of the embedded cloud, if they are asked for.
pub(super) async fn strict(
    args: &RehearseArgs,
    endpoint: &local::Endpoint,
    class: &Class,
) -> Result<Option<Proxy>> {
    if !args.strict {
        return Ok(None);
    }
    let region = embedded(endpoint, class.settings.region.as_ref(), &class.lab).region;
    let options = strict::Options {
        scale: f64::from(args.scale),
        timings: strict::Timings::with_lags(),
        ..strict::Options::default()
    }
    .in_region(&region);
    let proxy = Proxy::start(&endpoint.url, options).await;
    Ok(Some(proxy.map_err(general("--strict"))?))
}

/// What the strict model saw of the calls.
pub(super) fn counted(proxy: &Proxy) -> String {
    let model = proxy.model();
    let calls: u64 = model.counts().values().map(|count| count.calls).sum();
    let throttled: u64 = model.emptied().values().sum();
    if throttled == 0 {
        return format!("AWS's quotas: {calls} calls counted, none throttled");
    }
    let emptied = model.emptied();
    let by_quota = emptied
        .iter()
        .map(|(quota, count)| format!("{quota} {count}"));
    let by_quota = by_quota.collect::<Vec<_>>().join(", ");
    format!("AWS's quotas: {calls} calls counted, {throttled} throttled ({by_quota})")
}
