//! The tables of docs/scale.md are the forecast's own figures.

use homeroom::stack::forecast::Estimate;
use homeroom::stack::kinds::ApiType;

use super::*;

const PAGE: &str = include_str!("../../../docs/scale.md");

/// A new account's roles, what AWS raises them to, and the APIs of a region.
const ROLES: usize = 1000;
const ROLES_RAISED: usize = 5000;
const APIS: usize = 600;

fn class_of(students: usize) -> Class {
    let names: Vec<String> = (1..=students).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Class::of(&names)
}

/// The rows of a Markdown table that begins with this line.
fn table(head: &str) -> Vec<String> {
    let lines = PAGE.lines().skip_while(|line| *line != head);
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<String> = rows.map(str::to_owned).collect();
    assert!(!rows.is_empty(), "docs/scale.md has no table {head}");
    rows
}

fn assert_told(head: &str, computed: &[String]) {
    let told = table(head);
    assert_eq!(
        told,
        computed,
        "write this into docs/scale.md:\n{}\n",
        computed.join("\n")
    );
}

#[test]
fn the_page_on_scale_tells_how_many_places_a_class_needs() {
    let stack = &class_of(1).desired.stacks[0];
    let ids = stack.resource_ids();
    let each = |kind: Kind| ids.iter().filter(|id| id.kind == kind).count();
    let fit = |roles: usize| (roles / each(Kind::Role)).min(APIS / each(Kind::RestApi));
    let rows = [30, 300, 3000, 30000].map(|students: usize| {
        let places = students.div_ceil(fit(ROLES));
        let (largest, raised) = (
            students.div_ceil(places),
            students.div_ceil(fit(ROLES_RAISED)),
        );
        format!("| {students} | {places} | {largest} | {raised} |")
    });
    let head =
        "| students | places | students in the largest | places with 5,000 roles in each account |";
    assert_told(head, &rows);
}

/// `2 min 29 s`, `2 h 31 min`
fn words(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_on_scale_tells_the_times_that_are_foretold() {
    let mut rows = Vec::new();
    for students in [30, 300, 330, 600] {
        let rest = class_of(students).desired;
        for api_type in [ApiType::Rest, ApiType::Http] {
            let desired = rest.clone().with_api_type(api_type);
            let estimate = |work: Workload| -> (String, String) {
                let pacer = Pacer::new(Pace::Scaled(1.0), &Overrides::new());
                let Estimate { seconds, bound, .. } = work.estimate(&pacer);
                let bound = bound.unwrap();
                let by = format!("{} ({})", bound.calls, bound.allowed);
                (words(seconds.unwrap()), by)
            };
            let new = deploy::plan(&desired, &Observed::default(), false);
            let (up, by) = estimate(Workload::of(&new));
            let (down, down_by) = estimate(Workload::of_teardown(&desired));
            let name = match api_type {
                ApiType::Rest => "REST",
                ApiType::Http => "HTTP",
            };
            rows.push(format!(
                "| {students} | {name} | {up} | {by} | {down} | {down_by} |"
            ));
        }
    }
    let head = "| students in a place | API | deploy | bound by | teardown | bound by |";
    assert_told(head, &rows);
}
