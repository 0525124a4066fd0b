//! A class with Lab 6's own policies, and the verbs as the commands carry them out.

use std::collections::BTreeMap;

use homeroom::aws::pacing::{Overrides, Pace};
use homeroom::aws::stop::Stop;
use homeroom::aws::{Client, Principal};
use homeroom::ids::{Scope, Username};
use homeroom::lab::Lab;
use homeroom::lab::bundle;
use homeroom::roster::Student;
use homeroom::stack::execute::{StudentRun, execute, execute_issuing};
use homeroom::stack::issue::Issuer;
use homeroom::stack::kinds::Desired;
use homeroom::stack::kinds::Kind;
use homeroom::stack::kinds::Observed;
use homeroom::stack::kinds::managed_policy::{Purpose, Spec as ManagedPolicy};
use homeroom::stack::kinds::user::Spec as User;
use homeroom::stack::kinds::user::access::{self, Grant};
use homeroom::stack::observe::{Depth, observe, observe_access};
use homeroom::stack::plan::teardown::{self, Reach};
use homeroom::stack::plan::{Plan, deploy};
use homeroom::stack::prove_gone::{StillThere, prove_access_gone, prove_gone};
use tokio::sync::mpsc;

use crate::access::issuer::Safe;
use strict_aws::{ACCOUNT, REGION, StrictAws};

pub const PLAIN: Grant = Grant {
    access_keys: false,
    rotate: false,
};
pub const WITH_KEYS: Grant = Grant {
    access_keys: true,
    rotate: false,
};
pub const ROTATE: Grant = Grant {
    access_keys: false,
    rotate: true,
};

/// A class, or some of its students.
pub struct Class {
    pub lab: Lab,
    pub students: Vec<Student>,
    pub desired: Desired,
    pub reach: Reach,
}

pub fn client(cloud: Client) -> Client {
    // Nobody listens to its events here.
    let (events, _) = mpsc::unbounded_channel();
    cloud.in_run(Pace::Unlimited, Overrides::new(), Stop::new(), events)
}

pub fn assert_all_well(runs: &[StudentRun]) {
    for run in runs {
        for (resource, result) in &run.steps {
            assert!(result.is_well(), "{}: {resource}: {result:?}", run.student);
        }
    }
}

impl Class {
    pub fn of(names: &[&str]) -> Self {
        Self::called("demo", names)
    }

    pub fn called(class: &str, names: &[&str]) -> Self {
        Self::of_lab(bundle::load(None).unwrap(), class, names)
    }

    pub fn with_lab(lab: Lab, names: &[&str]) -> Self {
        Self::of_lab(lab, "demo", names)
    }

    pub fn of_lab(lab: Lab, class: &str, names: &[&str]) -> Self {
        let students: Vec<Student> = names
            .iter()
            .map(|name| Student {
                username: name.parse().unwrap(),
                name: None,
                email: None,
                section: None,
                extra: Vec::new(),
                due: None,
                place: None,
            })
            .collect();
        let scope = Scope {
            partition: "aws".into(),
            account: ACCOUNT.into(),
            region: REGION.into(),
        };
        let class = class.parse().unwrap();
        let desired = lab.desired(&scope, &class, &students).unwrap();
        Self {
            lab,
            students,
            desired,
            reach: Reach::WholeClass,
        }
    }

    /// Some of the class, as `--students` picks them.
    pub fn only(&self, names: &[&str]) -> Self {
        Self {
            reach: Reach::Selected,
            ..Self::called(self.desired.class.as_str(), names)
        }
    }

    /// The stacks, up and running, without a call that counts.
    pub async fn deploy(&self, aws: &StrictAws) {
        let client = client(aws.backdoor().await);
        let observed = observe(&client, &self.desired, &Depth::Deploy).await;
        let plan = deploy::plan(&self.desired, &observed.unwrap(), false);
        assert_all_well(&execute(&client, &plan, |_, _| None).await);
    }

    pub async fn plan_deploy(&self, aws: &StrictAws) -> Plan {
        let client = client(aws.cloud().await);
        let observed = observe(&client, &self.desired, &Depth::Deploy).await;
        deploy::plan(&self.desired, &observed.unwrap(), false)
    }

    /// The stacks with everybody's access, without a call that counts.
    pub async fn set_up(&self, aws: &StrictAws, safe: &Safe, how: Grant) {
        self.deploy(aws).await;
        let client = client(aws.backdoor().await);
        assert_all_well(&self.grant_by(&client, safe, how).await.1);
    }

    /// What each student whose APIs are there should have, as `access grant` works it out.
    fn wanted(&self, observed: &Observed) -> BTreeMap<Username, User> {
        let (scope, class) = (&self.desired.scope, &self.desired.class);
        let url = |id: &str, stage: &str| format!("https://{id}/{stage}");
        let pairs = self.desired.stacks.iter().zip(&self.students);
        let users = pairs.filter_map(|(stack, student)| {
            let apis = observed.endpoints(scope, stack, url);
            if apis.len() < stack.apis.len() {
                return None;
            }
            let policies = self.lab.access(scope, class, student, &apis);
            let policies = policies.unwrap().unwrap();
            let policy = |purpose: Purpose, document| ManagedPolicy {
                name: purpose.name(scope, &stack.owner),
                document,
            };
            let user = User {
                name: student.username.to_string(),
                policy: policy(Purpose::Access, policies.policy.into()),
                boundary: policy(Purpose::Boundary, policies.boundary.into()),
                until: stack.roles[0].until,
            };
            Some((student.username.clone(), user))
        });
        users.collect()
    }

    async fn plan_grant_by(&self, client: &Client, how: Grant) -> Plan {
        let observed = observe_access(client, &self.desired, true).await.unwrap();
        let wanted = self.wanted(&observed);
        access::grant(&self.desired, &wanted, &observed, how)
    }

    async fn grant_by(&self, client: &Client, safe: &Safe, how: Grant) -> (Plan, Vec<StudentRun>) {
        let plan = self.plan_grant_by(client, how).await;
        let runs = execute_issuing(client, &plan, Some(safe), |_, _| None).await;
        (plan, runs)
    }

    pub async fn plan_grant(&self, aws: &StrictAws, how: Grant) -> Plan {
        self.plan_grant_by(&client(aws.cloud().await), how).await
    }

    pub async fn grant(&self, aws: &StrictAws, safe: &Safe, how: Grant) -> (Plan, Vec<StudentRun>) {
        self.grant_by(&client(aws.cloud().await), safe, how).await
    }

    pub async fn freeze(&self, aws: &StrictAws, shut: bool) -> (Plan, Vec<StudentRun>) {
        let plan = self.plan_freeze(aws, shut).await;
        let runs = self.carry_out(aws, &plan, None).await;
        (plan, runs)
    }

    pub async fn plan_freeze(&self, aws: &StrictAws, shut: bool) -> Plan {
        let client = client(aws.cloud().await);
        let observed = observe_access(&client, &self.desired, false).await;
        access::freeze(&self.desired, &observed.unwrap(), self.reach, shut)
    }

    pub async fn plan_revoke(&self, aws: &StrictAws) -> Plan {
        let client = client(aws.cloud().await);
        let observed = observe_access(&client, &self.desired, false).await;
        access::revoke(&self.desired, &observed.unwrap(), self.reach)
    }

    /// Carries out a plan that was made before.
    pub async fn carry_out(
        &self,
        aws: &StrictAws,
        plan: &Plan,
        safe: Option<&Safe>,
    ) -> Vec<StudentRun> {
        let client = client(aws.cloud().await);
        let issuer = safe.map(|safe| safe as &dyn Issuer);
        execute_issuing(&client, plan, issuer, |_, _| None).await
    }

    /// Answers what was done, and the plan over what is still there.
    pub async fn revoke(&self, aws: &StrictAws) -> (Vec<StudentRun>, Plan) {
        let plan = self.plan_revoke(aws).await;
        let client = client(aws.cloud().await);
        let runs = execute(&client, &plan, |_, _| None).await;
        let left = prove_access_gone(&client, &self.desired, self.reach, &plan, &runs).await;
        (runs, left.unwrap())
    }

    pub async fn tear_down(&self, aws: &StrictAws) -> StillThere {
        let client = client(aws.cloud().await);
        let depth = match self.reach {
            Reach::Selected => Depth::TeardownOfStudents,
            Reach::WholeClass => Depth::TeardownOfClass {
                patterns: self.lab.name_patterns(),
            },
            Reach::Left => Depth::TeardownOfLeavers {
                patterns: self.lab.name_patterns(),
            },
        };
        let observed = observe(&client, &self.desired, &depth).await.unwrap();
        let plan = teardown::plan(&self.desired, &observed, depth.reach());
        let runs = execute(&client, &plan, |_, _| None).await;
        let left = prove_gone(&client, &self.desired, &depth, &plan, &runs);
        left.await.unwrap()
    }

    /// Exactly one of each resource of the stacks, sorted as snapshots are.
    pub fn stacks(&self) -> Vec<(Kind, String)> {
        let stacks = self.desired.stacks.iter();
        let ids = stacks.flat_map(|stack| stack.resource_ids());
        let mut all: Vec<_> = ids.map(|id| (id.kind, id.name)).collect();
        all.sort();
        all
    }

    /// The same with everybody's user and policies.
    pub fn everything(&self) -> Vec<(Kind, String)> {
        let mut all = self.stacks();
        for stack in &self.desired.stacks {
            all.push((Kind::User, stack.student().to_string()));
            for purpose in [Purpose::Access, Purpose::Boundary] {
                let name = purpose.name(&self.desired.scope, &stack.owner);
                all.push((Kind::ManagedPolicy, name));
            }
        }
        all.sort();
        all
    }

    /// How many of the account's users are shut out.
    pub async fn frozen(&self, aws: &StrictAws) -> usize {
        let listed = aws.backdoor().await.principals_page(None).await.unwrap();
        let frozen = |one: &Principal| matches!(one, Principal::User(user) if user.is_frozen());
        listed.items.iter().filter(|one| frozen(one)).count()
    }

    /// Every student has exactly one way in, whole, and what was kept last is what AWS has.
    pub async fn assert_granted(&self, aws: &StrictAws, safe: &Safe, keys: bool) {
        self.assert_granted_as(aws, safe, keys, "").await;
    }

    pub async fn assert_granted_as(&self, aws: &StrictAws, safe: &Safe, keys: bool, when: &str) {
        assert_eq!(aws.snapshot(), self.everything(), "{when}");
        for student in &self.students {
            let name = student.username.as_str();
            let kept = safe.last(name).unwrap();
            let password = kept.password.map(|password| (password, true));
            assert_eq!(aws.console_password(name), password, "{name} {when}");
            let key: Vec<_> = kept.key.into_iter().collect();
            assert_eq!(key.len(), usize::from(keys), "{name} {when}");
            assert_eq!(aws.access_keys(name), key, "{name} {when}");
        }
        // Policies, boundaries, attachments and tags, as a plan compares them.
        let how = if keys { WITH_KEYS } else { PLAIN };
        let client = client(aws.backdoor().await);
        let again = self.plan_grant_by(&client, how).await;
        assert_eq!(again.steps(), 0, "{when}");
    }
}
